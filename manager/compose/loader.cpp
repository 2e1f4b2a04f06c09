#include "manager/compose/loader.hpp"

#include "manager/compose/consistency.hpp"
#include "manager/compose/decode.hpp"
#include "manager/compose/discovery.hpp"
#include "manager/compose/document.hpp"
#include "manager/compose/interpolation.hpp"
#include "manager/compose/keys.hpp"
#include "manager/compose/merge.hpp"
#include "manager/compose/normalize.hpp"
#include "manager/compose/scalar.hpp"
#include "manager/compose/validate.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class Load {
  public:
    explicit Load(const LoadRequest& request)
        : request_{request}, reader_{request.cwd, budget_.limits.file_bytes + 1} {}

    LoadResult run() {
        LoadResult result;
        if (std::optional<Discovery> found = discover(request_, reader_, reporter_)) {
            discovery_ = std::move(*found);
            result.project = load_project(result);
            result.environment = std::move(discovery_.variables);
        }
        if (reporter_.failed()) result.project.reset();
        result.diagnostics = reporter_.take(discovery_.files);
        result.sources = std::move(reader_.sources);
        return result;
    }

  private:
    std::optional<Project> load_project(LoadResult& result) {
        for (const std::string& file : discovery_.files) read_documents(file);
        if (reporter_.failed() || documents_.empty()) return std::nullopt;
        const std::string name = project_name();
        discovery_.variables["COMPOSE_PROJECT_NAME"] = name;
        Node* root = merged_tree();

        Decoded decoded = decode(tree_, *root, {discovery_.project_directory, home()}, reporter_);
        Project& project = decoded.project;
        project.name = name;
        project.files = discovery_.files;
        project.env_files = discovery_.env_files;
        result.known_profiles = profile_names(project);
        apply_profiles(project, active_profiles(project));
        normalize(project, discovery_.variables);
        for (auto& [key, service] : project.services)
            resolve_environment(service, decoded.env_files[key], request_.resolve_env_files,
                                discovery_.variables, reader_, reporter_);
        if (request_.check_consistency) check_consistency(project, reporter_);
        return std::move(project);
    }

    // ---- files ---------------------------------------------------------------------------------------------------

    void read_documents(const std::string& file) {
        SourceReader::Text text;
        if (file == kStdinName) {
            text = reader_.keep(file, request_.stdin_text.value_or(""));
        } else {
            const auto read = reader_.read(file);
            if (const auto* why = std::get_if<std::string>(&read)) {
                reporter_.error("file", fmt::format("the file can't be read: {}", *why), {file, 0, 0});
                return;
            }
            text = std::get<SourceReader::Text>(read);
        }
        if (!text) {
            reporter_.error("no-file", "the file does not exist", {file, 0, 0});
            return;
        }
        std::vector<Node*> roots = parse_documents(tree_, tree_.add_file(file, text), budget_, reporter_);
        std::erase_if(roots, [](const Node* root) { return root->is_null(); });
        if (roots.empty() && !reporter_.failed())
            reporter_.error("empty-file", "the compose file is empty", {file, 0, 0}).hint =
                "begin with \"services:\"";
        documents_.insert(documents_.end(), roots.begin(), roots.end());
    }

    [[nodiscard]] std::string home() const {
        const auto found = discovery_.variables.find("HOME");
        return found == discovery_.variables.end() ? "/root" : found->second;
    }

    // ---- name ----------------------------------------------------------------------------------------------------

    std::string project_name() {
        try {
            if (const auto given = given_project_name(request_, discovery_.variables)) return *given;
        } catch (const Error& error) {
            reporter_.error("project-name", error.message(), {}).hint = error.hint();
            return "invalid";
        }
        for (auto document = documents_.rbegin(); document != documents_.rend(); ++document) {
            const Node* node = (*document)->find("name");
            if (!node || !node->is_scalar()) continue;
            // What is wrong in the expression is reported when the whole document is interpolated.
            const std::string text = request_.interpolate
                                         ? interpolate(node->text, lookup_in(discovery_.variables)).text
                                         : std::string{node->text};
            const std::string name = normalize_project_name(text);
            if (name.empty())
                reporter_
                    .error("project-name", fmt::format("\"{}\" leaves no project name", text),
                           tree_.position(*node))
                    .hint = "use lower-case letters, digits, \"_\" and \"-\"";
            return name;
        }
        const std::string& directory = discovery_.project_directory;
        const std::string name = normalize_project_name(directory.substr(directory.rfind('/') + 1));
        if (name.empty())
            reporter_
                .error("project-name", fmt::format("the directory {} gives no project name", directory), {})
                .hint = "name the project with -p or a top-level \"name:\"";
        return name;
    }

    // ---- tree ----------------------------------------------------------------------------------------------------

    Node* merged_tree() {
        const VariableLookup lookup = lookup_in(discovery_.variables);
        std::set<std::string> warned;
        const ValidateStage stage =
            documents_.size() == 1 ? ValidateStage::merged : ValidateStage::single_file;
        for (Node* document : documents_) {
            if (request_.interpolate) interpolate_tree(tree_, *document, lookup, warned, reporter_);
            validate(tree_, *document, stage, reporter_);
        }
        Node* root = documents_[0];
        for (std::size_t i = 1; i < documents_.size(); ++i)
            root = merge(tree_, *root, *documents_[i], key_tree(), reporter_);
        strip_merge_tags(*root);
        if (documents_.size() > 1) validate(tree_, *root, ValidateStage::merged, reporter_);
        return root;
    }

    // ---- profiles ------------------------------------------------------------------------------------------------

    [[nodiscard]] std::set<std::string> active_profiles(const Project& project) const {
        if (request_.all_profiles) return {"*"};
        std::vector<std::string> given = request_.profiles;
        if (given.empty())
            if (const auto found = discovery_.variables.find("COMPOSE_PROFILES");
                found != discovery_.variables.end())
                given = comma_list(found->second);
        std::set<std::string> profiles(given.begin(), given.end());
        for (const std::string& name : request_.selected_services) {
            const auto service = project.services.find(name);
            if (service != project.services.end())
                profiles.insert(service->second.profiles.begin(), service->second.profiles.end());
        }
        return profiles;
    }

    const LoadRequest& request_;
    Reporter reporter_;
    DocumentBudget budget_;
    SourceReader reader_;
    Tree tree_;
    Discovery discovery_;
    std::vector<Node*> documents_;
};

}  // namespace

LoadResult load(const LoadRequest& request) {
    return Load{request}.run();
}

std::optional<std::string> project_name_without_file(const LoadRequest& request) {
    if (!request.project_name.empty()) return given_project_name(request, {});
    // `.env` is looked for where load() would look first; without it only the shell can say.
    Reporter ignored;
    SourceReader reader{request.cwd, DocumentLimits{}.file_bytes};
    const std::optional<Discovery> found = discover(request, reader, ignored);
    return given_project_name(request, found ? found->variables : request.environment);
}

}  // namespace stack::compose
