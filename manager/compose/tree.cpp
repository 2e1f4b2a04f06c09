#include "manager/compose/tree.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace stack::compose {

const Entry* Node::find_entry(std::string_view key) const {
    if (kind != NodeKind::mapping) return nullptr;
    for (const Entry& entry : items())
        if (entry.key->text == key) return &entry;
    return nullptr;
}

Node* Node::find(std::string_view key) const {
    const Entry* entry = find_entry(key);
    return entry ? entry->value : nullptr;
}

std::uint32_t Tree::add_file(std::string name, std::shared_ptr<const std::string> text,
                             std::string base_directory) {
    SourceFile file;
    file.name = std::move(name);
    file.base_directory = std::move(base_directory);
    file.line_starts.reserve(static_cast<std::size_t>(std::count(text->begin(), text->end(), '\n')) + 1);
    file.line_starts.push_back(0);
    for (std::size_t at = text->find('\n'); at != std::string::npos; at = text->find('\n', at + 1))
        file.line_starts.push_back(static_cast<std::uint32_t>(at + 1));
    file.ascii = std::none_of(text->begin(), text->end(), [](char c) { return (c & 0x80) != 0; });
    file.text = std::move(text);
    files_.push_back(std::move(file));
    return static_cast<std::uint32_t>(files_.size() - 1);
}

Node* Tree::make(NodeKind kind, std::uint32_t file, std::uint32_t offset) {
    Node* node = new (arena_.allocate(sizeof(Node), alignof(Node))) Node;
    node->kind = kind;
    node->file = file;
    node->offset = offset;
    return node;
}

Node* Tree::make_scalar_at(std::string_view text, const Node& where) {
    Node* node = make_at(NodeKind::scalar, where);
    node->text = store(text);
    node->is_string = true;
    return node;
}

Node* Tree::copy(const Node& node, std::uint64_t& budget) {
    if (budget == 0) return nullptr;
    --budget;
    Node* result = make(node.kind, node.file, node.offset);
    *result = node;
    if (node.count == 0) return result;
    result->capacity = node.count;
    result->entries = static_cast<Entry*>(arena_.allocate(sizeof(Entry) * node.count, alignof(Entry)));
    for (std::uint32_t i = 0; i < node.count; ++i) {
        // Keys are never changed, so copies share them.
        Node* value = copy(*node.entries[i].value, budget);
        if (!value) return nullptr;
        new (&result->entries[i]) Entry{node.entries[i].key, value};
    }
    return result;
}

void Tree::append(Node& parent, Entry entry) {
    if (parent.count == parent.capacity) {
        const std::uint32_t capacity = std::max<std::uint32_t>(4, parent.capacity * 2);
        auto* entries = static_cast<Entry*>(arena_.allocate(sizeof(Entry) * capacity, alignof(Entry)));
        std::copy_n(parent.entries, parent.count, entries);
        parent.entries = entries;
        parent.capacity = capacity;
    }
    new (&parent.entries[parent.count++]) Entry{entry};
}

void Tree::set(Node& map, std::string_view key, Node* value) {
    for (Entry& entry : map.items())
        if (entry.key->text == key) {
            entry.value = value;
            return;
        }
    append(map, {make_scalar_at(key, *value), value});
}

void Tree::remove(Node& map, std::string_view key) {
    for (std::uint32_t i = 0; i < map.count; ++i)
        if (map.entries[i].key->text == key) {
            std::copy(map.entries + i + 1, map.entries + map.count, map.entries + i);
            --map.count;
            return;
        }
}

std::string_view Tree::store(std::string_view text) {
    if (text.empty()) return {};
    auto* bytes = static_cast<char*>(arena_.allocate(text.size(), 1));
    std::memcpy(bytes, text.data(), text.size());
    return {bytes, text.size()};
}

Position Tree::position(std::uint32_t file, std::uint32_t offset) const {
    const SourceFile& source = files_[file];
    const auto next = std::upper_bound(source.line_starts.begin(), source.line_starts.end(), offset);
    const auto line = static_cast<int>(next - source.line_starts.begin());
    const std::uint32_t start = *(next - 1);
    int column = static_cast<int>(offset - start) + 1;
    // On a line of megabytes the exact character is of no use, and counting it for each node would be quadratic.
    constexpr int kLongLine = 4096;
    if (!source.ascii && column <= kLongLine) {
        const std::string_view before = std::string_view{*source.text}.substr(start, offset - start);
        column -= static_cast<int>(std::count_if(before.begin(), before.end(), [](char c) {
            return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
        }));
    }
    return {source.name, line, column};
}

}  // namespace stack::compose
