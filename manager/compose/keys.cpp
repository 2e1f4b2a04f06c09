#include "manager/compose/keys.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include <fmt/format.h>

namespace stack::compose {

namespace {

// Nodes are made once, before main's first use, and never change.
class KeyTree {
  public:
    KeyTree() {
        for (const KeyRow& row : key_table()) insert(row);
    }
    [[nodiscard]] const KeyNode& root() const { return nodes_.front(); }

  private:
    void insert(const KeyRow& row) {
        KeyNode* node = &nodes_.front();
        std::string_view path = row.path;
        while (!path.empty()) {
            const std::size_t dot = path.find('.');
            std::string_view name = path.substr(0, dot);
            path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
            const bool item = name.ends_with("[]");
            if (item) name.remove_suffix(2);
            node = name == "*" ? child(node->named) : child(node->members[name]);
            if (item) node = child(node->item);
        }
        node->row = &row;
    }

    KeyNode* child(const KeyNode*& slot) {
        if (!slot) slot = &nodes_.emplace_back();
        return const_cast<KeyNode*>(slot);  // ours, and still being built
    }

    std::deque<KeyNode> nodes_{1};
};

std::string_view state_word(KeyState state) {
    switch (state) {
        case KeyState::works:
            return "works";
        case KeyState::partly:
            return "works partly";
        case KeyState::hint:
            return "nothing to do";
        case KeyState::ignored:
            return "ignored with a warning";
        case KeyState::later:
            return "not supported yet";
        case KeyState::refused:
            return "refused";
    }
    return {};
}

// The part of a path that gives a table of its own in the document.
std::string chapter_of(std::string_view path) {
    constexpr std::string_view kService = "services.*.";
    if (path.starts_with(kService)) {
        const std::string_view rest = path.substr(kService.size());
        for (const std::string_view group : {"build", "deploy"})
            if (rest == group || (rest.starts_with(group) && rest[group.size()] == '.'))
                return fmt::format("Services: `{}`", group);
        return "Services";
    }
    const std::string_view top = path.substr(0, path.find_first_of(".["));
    if (top.size() == path.size() || top == "include") return "Top level";
    return fmt::format("Top level: `{}`", top);
}

}  // namespace

std::vector<std::string> KeyNode::member_names() const {
    std::vector<std::string> names;
    for (const auto& [name, node] : members)
        if (name != "x-*") names.emplace_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

const KeyNode& key_tree() {
    static const KeyTree kTree;
    return kTree.root();
}

std::string key_table_markdown(const std::function<std::string(std::string_view)>& shown_by) {
    std::string out =
        "# Compose keys\n\n"
        "What `stack` does with each key of the Compose format. Every key is read, checked and shown by "
        "`stack config`;\n"
        "nothing is left out in silence. A service with a key that is *not supported yet* can't be started: "
        "`stack up` ends\n"
        "with an error that names its place. A *refused* key is an error for every command. Where there is "
        "*nothing to do*\n"
        "the key means nothing on one Linux host. `*` stands for a name of yours, `[]` for an item of a "
        "list. *Shown by*\n"
        "counts the tests of a key, in a file below `tests/golden/compose/rows`. This page is generated "
        "from\n"
        "`manager/compose/key_table.cpp`.\n";
    std::map<KeyState, int> count;
    for (const KeyRow& row : key_table()) ++count[row.state];
    out += fmt::format(
        "\nOf {} keys {} work, {} work partly, {} need nothing to be done, {} are ignored with a warning, {} "
        "are not supported\nyet, {} are refused.\n",
        key_table().size(), count[KeyState::works], count[KeyState::partly], count[KeyState::hint],
        count[KeyState::ignored], count[KeyState::later], count[KeyState::refused]);
    std::vector<std::string> chapters;
    std::map<std::string, std::string> tables;
    for (const KeyRow& row : key_table()) {
        const std::string chapter = chapter_of(row.path);
        if (!tables.contains(chapter)) chapters.push_back(chapter);
        std::string_view path = row.path;
        if (path.starts_with("services.*.")) path.remove_prefix(11);
        tables[chapter] += fmt::format("| `{}` | {} | {} | {} |\n", path, state_word(row.state), row.remark,
                                       shown_by(row.path));
    }
    for (const std::string& chapter : chapters)
        out += fmt::format("\n## {}\n\n| Key | State | Remark | Shown by |\n|---|---|---|---|\n{}", chapter,
                           tables[chapter]);
    return out;
}

}  // namespace stack::compose
