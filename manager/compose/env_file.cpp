#include "manager/compose/env_file.hpp"

#include "manager/compose/canonical.hpp"
#include "manager/compose/node_reporter.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/variables.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class EnvironmentResolver {
  public:
    EnvironmentResolver(Tree& tree, const Variables& variables, const std::string& home, SourceReader& reader,
                        Reporter& reporter)
        : tree_{tree}, variables_{variables}, home_{home}, reader_{reader}, reporter_{tree, reporter} {}

    void resolve(const Node& name, Node& service) {
        reporter_.service = name.text;
        fold_env_files(service);
        fold_label_files(service);
        look_up(service.find("environment"), false);
        if (const Node* build = usable_member(service, "build"); build && build->is_mapping())
            look_up(build->find("args"), true);
        for (const char* hooks : {"post_start", "pre_stop", "pre_start"})
            if (const Node* list = usable_member(service, hooks))
                for (const Entry& hook : list->items()) look_up(hook.value->find("environment"), false);
    }

  private:
    // Values by name, where they stand; later files win.
    using Folded = std::map<std::string, Entry, std::less<>>;

    void fold_env_files(Node& service) {
        const Node* files = usable_member(service, "env_file");
        if (!files) return;
        const Node* environment = usable_member(service, "environment");
        Folded folded;
        const VariableLookup lookup = [&](std::string_view name) -> std::optional<std::string> {
            if (const auto found = variables_.find(std::string{name}); found != variables_.end())
                return found->second;
            if (environment)
                if (const Node* value = usable_member(*environment, name)) return std::string{value->text};
            if (const auto found = folded.find(name); found != folded.end())
                return std::string{found->second.value->text};
            return std::nullopt;
        };
        for (const Entry& entry : files->items()) {
            const Node* path = usable_member(*entry.value, "path");
            if (!path) continue;
            const bool required = boolean_value(entry.value->find("required")).value_or(true);
            const bool raw = member_text(*entry.value, "format") == "raw";
            read("env_file", *path, required, raw, lookup, folded);
        }
        fold(service, "environment", folded);
        Tree::remove(service, "env_file");
    }

    void fold_label_files(Node& service) {
        const Node* files = usable_member(service, "label_file");
        if (!files) return;
        Folded folded;
        for (const Entry& entry : files->items())
            if (is_usable(entry.value))
                read("label_file", *entry.value, true, false, lookup_in(variables_), folded);
        fold(service, "labels", folded);
        Tree::remove(service, "label_file");
    }

    void read(std::string_view key, const Node& path, bool required, bool raw, const VariableLookup& lookup,
              Folded& folded) {
        const std::string file = host_path(tree_, path, home_);
        const auto text = reader_.read(file);
        if (const auto* why = std::get_if<std::string>(&text)) {
            reporter_.error("env-file", fmt::format("{} can't be read: {}", key, *why), path);
            return;
        }
        const SourceReader::Text& content = std::get<SourceReader::Text>(text);
        if (!content) {
            if (required) complain_of_absence(key, file, path);
            return;
        }
        Dotenv dotenv = raw ? parse_raw_env(*content, lookup) : parse_dotenv(*content, lookup);
        report_problems(dotenv, file, reporter_.reporter());
        const auto [index, is_new] = files_.emplace(file, 0);
        if (is_new) index->second = tree_.add_file(file, content);
        for (const DotenvEntry& entry : dotenv.entries)
            if (entry.value) folded.insert_or_assign(entry.name, place(entry, index->second));
    }

    void complain_of_absence(std::string_view key, const std::string& file, const Node& path) {
        Diagnostic& diagnostic = reporter_.error(
            "env-file", fmt::format("{} {} does not exist", key, reader_.sources.display_name(file)), path);
        diagnostic.hint = key == "env_file" ? "create it, or write it as {path: …, required: false}"
                                            : "paths are relative to the project directory";
    }

    Entry place(const DotenvEntry& entry, std::uint32_t file) {
        const auto line = static_cast<std::size_t>(std::max(entry.line, 1) - 1);
        const std::uint32_t offset = tree_.file(file).line_starts.at(line);
        const auto scalar = [&](std::string_view text) {
            Node* node = tree_.make(NodeKind::scalar, file, offset);
            node->text = tree_.store(text);
            node->is_string = true;
            return node;
        };
        return {scalar(entry.name), scalar(*entry.value)};
    }

    // Below what the service says itself.
    void fold(Node& service, std::string_view key, const Folded& folded) {
        if (folded.empty()) return;
        Node* map = service.find(key);
        if (!map || !map->is_mapping()) {
            map = tree_.make_at(NodeKind::mapping, *folded.begin()->second.key);
            tree_.set(service, key, map);
        }
        std::set<std::string_view> own;
        for (const Entry& entry : map->items()) own.insert(entry.key->text);
        for (const auto& [name, entry] : folded)
            if (own.contains(name))
                lay_under(*map->find(name), *entry.value);
            else
                tree_.append(*map, entry);
    }

    // As what the value and all that it replaced have replaced. Services with a common base share what was replaced,
    // but not their files: hence the copies.
    void lay_under(Node& value, Node& from_file) {
        Node** end = &value.replaced;
        for (; *end; end = &(*end)->replaced) {
            Node* copy = tree_.make_at((*end)->kind, **end);
            *copy = **end;
            *end = copy;
        }
        *end = &from_file;
    }

    // A name without a value takes that of the project, or of the include whose file names it; one that has none there
    // stays empty-handed, or goes.
    void look_up(Node* map, bool drop_unset) {
        if (!is_usable(map) || !map->is_mapping()) return;
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < map->count; ++i) {
            Entry entry = map->entries[i];
            if (entry.value->is_null()) {
                const auto& own = tree_.file(entry.value->file).variables;
                const Variables& seen = own ? own->values : variables_;
                const auto found = seen.find(std::string{entry.key->text});
                if (found != seen.end()) {
                    Node* value = tree_.make_scalar_at(found->second, *entry.value);
                    value->replaced = entry.value->replaced;
                    value->written = tree_.make_scalar_at(fmt::format("${{{}}}", found->first), *value);
                    entry.value = value;
                } else if (drop_unset) {
                    continue;
                }
            }
            map->entries[kept++] = entry;
        }
        map->count = kept;
    }

    Tree& tree_;
    const Variables& variables_;
    const std::string& home_;
    SourceReader& reader_;
    NodeReporter reporter_;
    std::map<std::string, std::uint32_t> files_;  // those that are in the tree
};

}  // namespace

VariableLookup lookup_in(const Variables& variables) {
    return [&variables](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(std::string{name});
        return found == variables.end() ? std::nullopt : std::optional{found->second};
    };
}

void report_problems(const Dotenv& dotenv, const std::string& file, Reporter& reporter) {
    for (const DotenvProblem& problem : dotenv.problems) {
        const Position place{file, problem.line, problem.column};
        if (problem.is_error)
            reporter.error(problem.code, problem.message, place);
        else
            reporter.warning(problem.code, problem.message, place);
    }
}

void resolve_environment(Tree& tree, Node& root, const Variables& variables, const std::string& home,
                         SourceReader& reader, Reporter& reporter) {
    const Node* services = usable_member(root, "services");
    if (!services) return;
    EnvironmentResolver resolver{tree, variables, home, reader, reporter};
    for (const Entry& entry : services->items())
        if (is_usable(entry.value) && entry.value->is_mapping()) resolver.resolve(*entry.key, *entry.value);
}

}  // namespace stack::compose
