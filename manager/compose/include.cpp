#include "manager/compose/include.hpp"

#include "manager/compose/keys.hpp"
#include "manager/compose/merge.hpp"
#include "manager/compose/paths.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace stack::compose {

namespace {

constexpr std::string_view kImported[] = {"services", "networks", "volumes", "secrets", "configs", "models"};

class IncludeParser {
  public:
    IncludeParser(const Tree& tree, Reporter& reporter) : tree_{tree}, reporter_{reporter} {}

    void add(const Node& item) {
        IncludeEntry entry;
        if (!parse(item, entry))
            result.complete = false;
        else
            result.entries.push_back(std::move(entry));
    }

    Includes result;

  private:
    bool parse(const Node& item, IncludeEntry& entry) {
        if (item.broken) return false;
        const Node* path = item.is_mapping() ? item.find("path") : &item;
        if (path && !add_files(*path, entry.files)) return false;
        if (entry.files.empty()) return fail(item, "an include needs a path");
        const Node* directory = item.find("project_directory");
        entry.directory =
            directory && directory->is_scalar() ? resolve(*directory) : directory_of(entry.files[0].path);
        const Node* env_file = item.find("env_file");
        if (!env_file || env_file->is_null() || (env_file->is_sequence() && env_file->count == 0))
            return true;
        entry.env_files.emplace();
        return add_files(*env_file, *entry.env_files);
    }

    // A string or a list of strings.
    bool add_files(const Node& node, std::vector<IncludedFile>& files) {
        if (node.broken) return false;
        if (!node.is_scalar())
            return std::all_of(node.items().begin(), node.items().end(),
                               [&](const Entry& item) { return add_files(*item.value, files); });
        if (node.text.empty()) return fail(node, "the path of an include is empty");
        if (is_remote(node.text)) {
            reporter_
                .error("remote-file",
                       fmt::format("including from another machine is not supported: {}", node.text),
                       tree_.position(node))
                .hint = "fetch it first, and include the local file";
            return false;
        }
        files.push_back({resolve(node), &node});
        return true;
    }

    [[nodiscard]] std::string resolve(const Node& path) const {
        return absolute_path(tree_.file(path.file).base_directory, path.text);
    }

    bool fail(const Node& place, std::string message) {
        reporter_.error("include", std::move(message), tree_.position(place));
        return false;
    }

    const Tree& tree_;
    Reporter& reporter_;
};

// The same value, seen from the same directory.
bool is_same_value(const Tree& tree, const Node& a, const Node& b) {
    if (a.kind != b.kind || a.count != b.count || a.text != b.text || a.is_string != b.is_string ||
        a.tag != b.tag)
        return false;
    if (a.is_scalar() && tree.file(a.file).base_directory != tree.file(b.file).base_directory) return false;
    for (std::uint32_t i = 0; i < a.count; ++i) {
        const Entry &x = a.entries[i], &y = b.entries[i];
        if (x.key && y.key && x.key->text != y.key->text) return false;
        if (!is_same_value(tree, *x.value, *y.value)) return false;
    }
    return true;
}

// Leaves out of `section` what is in `present` just the same, as when two files include a third: laid over itself, its
// lists would double.
void drop_repeated(const Tree& tree, Node& section, const Node& present) {
    std::unordered_map<std::string_view, const Node*> known;
    for (const Entry& entry : present.items())
        if (entry.key) known.emplace(entry.key->text, entry.value);
    std::uint32_t kept = 0;
    for (const Entry& entry : section.items()) {
        const auto found = known.find(entry.key->text);
        if (found == known.end() || !is_same_value(tree, *entry.value, *found->second))
            section.entries[kept++] = entry;
    }
    section.count = kept;
}

}  // namespace

Includes take_includes(const Tree& tree, Node& document, Reporter& reporter) {
    const Node* include = document.find("include");
    if (!include) return {};
    IncludeParser parser{tree, reporter};
    if (include->broken)
        parser.result.complete = false;
    else if (include->is_sequence() && include->tag != NodeTag::reset)
        for (const Entry& item : include->items()) parser.add(*item.value);
    std::uint32_t kept = 0;
    for (const Entry& entry : document.items())
        if (entry.value != include || include->is_null()) document.entries[kept++] = entry;
    document.count = kept;
    return std::move(parser.result);
}

std::shared_ptr<const VariableScope> include_variables(const Tree& tree, const IncludeEntry& entry,
                                                       const std::shared_ptr<const VariableScope>& outer,
                                                       SourceReader& reader, Reporter& reporter) {
    VariableScope from_files;
    bool complete = true;
    const auto read = [&](const std::string& path, const Node& place, bool required) {
        reporter.brought_in(path, "read for the include here", tree.position(place));
        const VariablesRead result = read_variables(path, outer->values, from_files, reader, reporter);
        if (result == VariablesRead::absent && required)
            reporter.error("env-file",
                           fmt::format("env_file {} does not exist", reader.sources.display_name(path)),
                           tree.position(place));
        if (result == VariablesRead::failed || (result == VariablesRead::absent && required))
            complete = false;
    };
    if (!entry.env_files)
        read(absolute_path(entry.directory, ".env"), *entry.files[0].place, false);
    else
        for (const IncludedFile& file : *entry.env_files)
            if (file.path != "/dev/null") read(file.path, *file.place, true);
    if (!complete) return nullptr;
    if (from_files.values.empty()) return outer;
    VariableScope variables = *outer;
    for (const auto& [name, value] : from_files.values)
        if (variables.values.try_emplace(name, value).second)
            variables.places.emplace(name, from_files.places.at(name));
    return std::make_shared<const VariableScope>(std::move(variables));
}

Node* import_model(Tree& tree, Node& document, Node& included, Reporter& reporter) {
    Node* imported = tree.make_at(NodeKind::mapping, included);
    for (const std::string_view name : kImported) {
        const Entry* section = included.find_entry(name);
        if (!section) continue;
        if (const Node* present = document.find(name)) drop_repeated(tree, *section->value, *present);
        tree.append(*imported, *section);
    }
    Node* merged = merge(tree, *imported, document, key_tree(), reporter);
    merged->file = document.file;
    merged->offset = document.offset;
    return merged;
}

}  // namespace stack::compose
