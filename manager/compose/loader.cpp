#include "manager/compose/loader.hpp"

#include "manager/compose/assemble.hpp"
#include "manager/compose/canonical.hpp"
#include "manager/compose/consistency.hpp"
#include "manager/compose/decode.hpp"
#include "manager/compose/discovery.hpp"
#include "manager/compose/document.hpp"
#include "manager/compose/key_support.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/normalize.hpp"
#include "manager/compose/profiles.hpp"
#include "manager/compose/service_hash.hpp"
#include "manager/compose/value_checks.hpp"
#include "runtime/base/error.hpp"

namespace stack::compose {

namespace {

class Load {
  public:
    explicit Load(const LoadRequest& request)
        : request_{request}, reader_{request.cwd, DocumentLimits{}.file_bytes + 1} {}

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
        auto document = std::make_shared<Document>();
        Tree& tree = document->tree;
        const std::optional<Assembly> assembly = assemble(request_, discovery_, reader_, tree, reporter_);
        if (!assembly) return std::nullopt;
        document->root = assembly->root;
        result.document = document;
        resolve(*document, *assembly, result.known_profiles);
        for (std::uint32_t file = 0; file < tree.file_count(); ++file)
            document->ways.try_emplace(tree.file(file).name, reporter_.way_to(tree.file(file).name));
        if (reporter_.failed()) return std::nullopt;
        return read_project(*document, assembly->project_name);
    }

    // From the merged tree to the canonical one.
    void resolve(Document& document, const Assembly& assembly, std::vector<std::string>& known_profiles) {
        Tree& tree = document.tree;
        Node& root = *document.root;
        make_canonical(tree, root, reporter_);
        check_values(tree, root, reporter_);
        if (request_.resolve_paths) resolve_paths(tree, root, home());
        known_profiles = profile_names(root);
        document.disabled = take_disabled_services(tree, root, active_profiles(root));
        const Node* said = root.find("name");
        tree.set(root, "name", tree.make_scalar_at(assembly.project_name, said ? *said : root));
        if (request_.normalize) normalize(tree, root, assembly.project_name);
        if (request_.resolve_environment && request_.interpolate)
            resolve_environment(tree, root, discovery_.variables, home(), reader_, reporter_);
        check_support(tree, root, request_.purpose, reporter_);
        if (!request_.check_consistency || !assembly.complete) return;
        check_consistency(tree, root, *document.disabled, reporter_);
        if (request_.purpose == LoadPurpose::run) check_source_files(tree, root, reporter_);
    }

    Project read_project(const Document& document, const std::string& name) {
        Project project = decode(document.tree, *document.root, *document.disabled, discovery_.variables);
        project.name = name;
        add_bridge_network(project);
        try {
            if (is_switched_on(discovery_.variables, "COMPOSE_COMPATIBILITY")) project.separator = "_";
        } catch (const Error& error) {
            reporter_.error("setting", error.message(), {});
        }
        project.working_dir = discovery_.project_directory;
        project.files = discovery_.files;
        project.env_files = discovery_.env_files;
        if (const Node* services = usable_member(*document.root, "services"))
            for (const Entry& entry : services->items())
                project.services[std::string{entry.key->text}].config_hash = service_digest(*entry.value);
        return project;
    }

    [[nodiscard]] std::string home() const {
        const auto found = discovery_.variables.find("HOME");
        return found == discovery_.variables.end() ? "/root" : found->second;
    }

    [[nodiscard]] std::set<std::string> active_profiles(const Node& root) const {
        if (request_.all_profiles) return {"*"};
        std::vector<std::string> given = request_.profiles;
        if (given.empty())
            if (const auto found = discovery_.variables.find("COMPOSE_PROFILES");
                found != discovery_.variables.end())
                given = comma_list(found->second);
        std::set<std::string> profiles(given.begin(), given.end());
        profiles.merge(profiles_of(root, request_.selected_services));
        return profiles;
    }

    const LoadRequest& request_;
    Reporter reporter_;
    SourceReader reader_;
    Discovery discovery_;
};

}  // namespace

LoadResult load(const LoadRequest& request) {
    return Load{request}.run();
}

std::optional<std::string> project_name_without_file(const LoadRequest& request) {
    if (!request.project_name.empty()) return given_project_name(request, {});
    return given_project_name(request, environment_without_file(request));
}

std::map<std::string, std::string> environment_without_file(const LoadRequest& request) {
    // `.env` is looked for where load() would look first; without it only the shell can say.
    Reporter ignored;
    SourceReader reader{request.cwd, DocumentLimits{}.file_bytes};
    std::optional<Discovery> found = discover(request, reader, ignored);
    if (!found) return request.environment;
    return std::move(found->variables);
}

}  // namespace stack::compose
