#include "manager/compose/assemble.hpp"

#include "manager/compose/document.hpp"
#include "manager/compose/interpolation.hpp"
#include "manager/compose/keys.hpp"
#include "manager/compose/merge.hpp"
#include "manager/compose/validate.hpp"
#include "runtime/base/error.hpp"

#include <set>
#include <vector>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class Assembler {
  public:
    Assembler(const LoadRequest& request, Discovery& discovery, SourceReader& reader, Tree& tree,
              Reporter& reporter)
        : request_{request}, discovery_{discovery}, reader_{reader}, tree_{tree}, reporter_{reporter} {}

    std::optional<Assembly> run() {
        for (const std::string& file : discovery_.files) read_documents(file);
        if (reporter_.failed() || documents_.empty()) return std::nullopt;
        const std::string name = project_name();
        discovery_.variables["COMPOSE_PROJECT_NAME"] = name;
        return Assembly{merged_tree(), name};
    }

  private:
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
        std::vector<Node*> roots = parse_documents(
            tree_, tree_.add_file(file, text, discovery_.project_directory), budget_, reporter_);
        std::erase_if(roots, [](const Node* root) { return root->is_null(); });
        if (roots.empty() && !reporter_.failed())
            reporter_.error("empty-file", "the compose file is empty", {file, 0, 0}).hint =
                "begin with \"services:\"";
        documents_.insert(documents_.end(), roots.begin(), roots.end());
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

    const LoadRequest& request_;
    Discovery& discovery_;
    SourceReader& reader_;
    Tree& tree_;
    Reporter& reporter_;
    DocumentBudget budget_;
    std::vector<Node*> documents_;
};

}  // namespace

std::optional<Assembly> assemble(const LoadRequest& request, Discovery& discovery, SourceReader& reader,
                                 Tree& tree, Reporter& reporter) {
    return Assembler{request, discovery, reader, tree, reporter}.run();
}

}  // namespace stack::compose
