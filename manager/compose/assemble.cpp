#include "manager/compose/assemble.hpp"

#include "manager/compose/document_reader.hpp"
#include "manager/compose/extends.hpp"
#include "manager/compose/include.hpp"
#include "manager/compose/interpolation.hpp"
#include "manager/compose/keys.hpp"
#include "manager/compose/merge.hpp"
#include "manager/compose/paths.hpp"
#include "manager/compose/validate.hpp"
#include "runtime/base/error.hpp"

#include <memory>
#include <vector>

#include <fmt/format.h>

namespace stack::compose {

namespace {

constexpr int kDeepestInclude = 100;  // files that include each other by different names end here

class Assembler {
  public:
    Assembler(const LoadRequest& request, Discovery& discovery, SourceReader& reader, Tree& tree,
              Reporter& reporter)
        : request_{request},
          discovery_{discovery},
          reader_{reader},
          tree_{tree},
          reporter_{reporter},
          documents_{reader, tree, reporter} {}

    std::optional<Assembly> run() {
        std::vector<Node*> documents;
        for (const std::string& file : discovery_.files)
            add(documents, file == kStdinName ? read_stdin()
                                              : documents_.read_named(file, discovery_.project_directory));
        if (documents.empty()) return std::nullopt;
        const std::string name = project_name(documents);
        discovery_.variables["COMPOSE_PROJECT_NAME"] = name;
        // The usual case needs one check instead of two.
        const bool alone = complete_ && documents.size() == 1 && !documents[0]->find("include") &&
                           !uses_extends(*documents[0]);
        const auto variables = std::make_shared<const VariableScope>(
            VariableScope{discovery_.variables, discovery_.variable_places});
        Node* root =
            alone ? prepared(*documents[0], variables) : merged(documents, {variables, nullptr, nullptr, 0});
        strip_merge_tags(*root);
        if (complete_) validate(tree_, *root, ValidateStage::merged, reporter_);
        return Assembly{root, name, complete_};
    }

  private:
    /// The files of one model, which have their variables in common: those of the command line, or of an `include`.
    struct Model {
        std::shared_ptr<const VariableScope> variables;
        const Node* place;   ///< what includes it; nullptr: the command line
        const Model* outer;  ///< the one that includes it
        int depth;
    };

    std::vector<Node*> read_stdin() {
        if (request_.stdin_text)
            return documents_.read_text(kStdinName, discovery_.project_directory, *request_.stdin_text);
        reporter_.error("file", "stdin is read only when it is named with \"-f -\"", {kStdinName, 0, 0});
        return {};
    }

    void add(std::vector<Node*>& documents, const std::vector<Node*>& more) {
        if (more.empty()) complete_ = false;
        documents.insert(documents.end(), more.begin(), more.end());
    }

    // ---- name ----------------------------------------------------------------------------------------------------

    std::string project_name(const std::vector<Node*>& documents) {
        try {
            if (const auto given = given_project_name(request_, discovery_.variables)) return *given;
        } catch (const Error& error) {
            reporter_.error("project-name", error.message(), {}).hint = error.hint();
            return "invalid";
        }
        for (auto document = documents.rbegin(); document != documents.rend(); ++document) {
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

    // ---- documents -----------------------------------------------------------------------------------------------

    // All documents of a model in one; `!reset` and `!override` are still in it.
    Node* merged(const std::vector<Node*>& documents, const Model& model) {
        ExtendsResolver extends{tree_, reporter_, documents_,
                                [&](const std::string& path, const Node& place) {
                                    return base_file(path, place, model.variables);
                                }};
        Node* root = nullptr;
        for (Node* document : documents) {
            prepared(*document, model.variables);
            validate(tree_, *document, ValidateStage::single_file, reporter_);
            Node* whole = with_includes(*document, model);
            if (!extends.resolve(*whole)) complete_ = false;
            if (root) {
                root = merge(tree_, *root, *whole, key_tree(), reporter_);
                continue;
            }
            // Later files may add to what the first one says, but can't mend it.
            root = whole;
            if (complete_ && !model.outer && documents.size() > 1)
                validate(tree_, *root, ValidateStage::merged, reporter_);
        }
        return root;
    }

    Node* prepared(Node& document, const std::shared_ptr<const VariableScope>& variables) {
        tree_.set_variables(document.file, variables);
        if (request_.interpolate)
            interpolate_tree(tree_, document, lookup_in(variables->values), interpolation_, reporter_);
        else
            leave_variables(document);
        return &document;
    }

    // ---- include -------------------------------------------------------------------------------------------------

    Node* with_includes(Node& document, const Model& outer) {
        const Includes includes = take_includes(tree_, document, reporter_);
        if (!includes.complete) complete_ = false;
        Node* whole = &document;
        for (const IncludeEntry& entry : includes.entries) {
            Node* included = included_model(entry, outer);
            if (included)
                whole = import_model(tree_, *whole, *included, reporter_);
            else
                complete_ = false;
        }
        return whole;
    }

    // nullptr after an error.
    Node* included_model(const IncludeEntry& entry, const Model& outer) {
        if (!may_include(entry, outer)) return nullptr;
        const std::shared_ptr<const VariableScope> variables =
            include_variables(tree_, entry, outer.variables, reader_, reporter_);
        if (!variables) return nullptr;
        std::vector<Node*> documents;
        for (const IncludedFile& file : entry.files)
            add(documents,
                documents_.read_used(file.path, {FileUse::Kind::included, file.place, entry.directory}));
        if (documents.empty()) return nullptr;
        Node* root = merged(documents, {variables, entry.files[0].place, &outer, outer.depth + 1});
        strip_merge_tags(*root);
        return root;
    }

    bool may_include(const IncludeEntry& entry, const Model& outer) {
        for (const IncludedFile& file : entry.files)
            if (is_cycle(file, outer)) return false;
        if (outer.depth < kDeepestInclude) return true;
        reporter_.error("include-limit",
                        fmt::format("files include each other more than {} deep", kDeepestInclude),
                        tree_.position(*entry.files[0].place));
        return false;
    }

    // Reports it. Where each of the files is included, the reporter adds.
    bool is_cycle(const IncludedFile& file, const Model& outer) {
        std::string path{file_name_of(file.path)};
        const Node* place = file.place;
        for (const Model* model = &outer; place; place = model->place, model = model->outer) {
            const std::string& includer = tree_.file(place->file).name;
            path = fmt::format("{} -> {}", file_name_of(includer), path);
            if (includer != file.path) continue;
            reporter_.error("include-cycle", fmt::format("files include each other: {}", path),
                            tree_.position(*file.place));
            return true;
        }
        return false;
    }

    // ---- extends -------------------------------------------------------------------------------------------------

    // What it includes does not count for those who extend its services.
    Node* base_file(const std::string& path, const Node& place,
                    const std::shared_ptr<const VariableScope>& variables) {
        Node* root = nullptr;
        for (Node* document :
             documents_.read_used(path, {FileUse::Kind::extended, &place, directory_of(path)})) {
            prepared(*document, variables);
            root = root ? merge(tree_, *root, *document, key_tree(), reporter_) : document;
        }
        return root;
    }

    const LoadRequest& request_;
    Discovery& discovery_;
    SourceReader& reader_;
    Tree& tree_;
    Reporter& reporter_;
    DocumentReader documents_;
    InterpolationRun interpolation_;
    bool complete_ = true;
};

}  // namespace

std::optional<Assembly> assemble(const LoadRequest& request, Discovery& discovery, SourceReader& reader,
                                 Tree& tree, Reporter& reporter) {
    return Assembler{request, discovery, reader, tree, reporter}.run();
}

}  // namespace stack::compose
