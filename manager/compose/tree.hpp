// The positioned tree that a YAML file becomes, and the arena it lives in. Every node, keys included, knows the file
// and the byte it came from; aliases are copies, merge keys are applied, so that a tree is a tree and may be changed.
// Knows nothing of Compose. Parsing is document.hpp, the meaning of plain scalars is scalar.hpp.
#pragma once

#include "manager/compose/model.hpp"

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stack::compose {

enum class NodeKind : std::uint8_t { null, scalar, sequence, mapping };
enum class NodeTag : std::uint8_t { none, string, integer, floating, boolean, reset, override_ };

struct Node;
struct VariableScope;

/// A member of a mapping, or an item of a sequence (key is nullptr).
struct Entry {
    Node* key;
    Node* value;
};

struct Node {
    NodeKind kind = NodeKind::null;
    NodeTag tag = NodeTag::none;
    bool is_string = false;  ///< quoted, block, or filled by interpolation: never a number or bool by itself
    bool broken = false;     ///< what is wrong with it has been reported; later phases pass it over
    bool open = false;       ///< holds a variable that is to stay: text, whatever the key takes
    std::uint32_t file = 0;  ///< index in Tree::files
    std::uint32_t offset = 0;    ///< byte in the file
    std::uint32_t count = 0;     ///< entries
    std::uint32_t capacity = 0;  ///< entries that fit before they have to move
    Entry* entries = nullptr;
    std::string_view text;          ///< scalars; lives in the arena or in the source
    Node* replaced = nullptr;       ///< the value of an earlier file that this one took the place of
    const Node* written = nullptr;  ///< as it stands in the file, when interpolation has changed it

    [[nodiscard]] std::span<Entry> items() { return {entries, count}; }
    [[nodiscard]] std::span<const Entry> items() const { return {entries, count}; }
    /// Says nothing that could be checked or read.
    [[nodiscard]] bool is_opaque() const { return broken || open; }
    [[nodiscard]] bool is_null() const { return kind == NodeKind::null; }
    [[nodiscard]] bool is_scalar() const { return kind == NodeKind::scalar; }
    [[nodiscard]] bool is_sequence() const { return kind == NodeKind::sequence; }
    [[nodiscard]] bool is_mapping() const { return kind == NodeKind::mapping; }
    /// First member with that key; nullptr when absent or not a mapping. Linear.
    [[nodiscard]] Node* find(std::string_view key) const;
    [[nodiscard]] const Entry* find_entry(std::string_view key) const;
};

/// A text that nodes point into.
struct SourceFile {
    std::string name;            ///< absolute path or "<stdin>"
    std::string base_directory;  ///< what relative paths in nodes of this file are relative to; absolute
    std::shared_ptr<const std::string> text;
    std::vector<std::uint32_t> line_starts;
    bool ascii = true;
    std::shared_ptr<const VariableScope> variables;  ///< what `${}` sees in it; null: nothing
};

/// Owner of nodes and texts of one load. Nodes live until the tree dies; none is freed singly.
class Tree {
  public:
    Tree() = default;
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    /// A file that is read for two purposes is added twice.
    std::uint32_t add_file(std::string name, std::shared_ptr<const std::string> text,
                           std::string base_directory = {});
    [[nodiscard]] const SourceFile& file(std::uint32_t index) const { return files_[index]; }
    [[nodiscard]] std::uint32_t file_count() const { return static_cast<std::uint32_t>(files_.size()); }
    void set_variables(std::uint32_t file, std::shared_ptr<const VariableScope> variables) {
        files_[file].variables = std::move(variables);
    }

    Node* make(NodeKind kind, std::uint32_t file, std::uint32_t offset);
    /// A node of the same place as `where`: what a short form is turned into.
    Node* make_at(NodeKind kind, const Node& where) { return make(kind, where.file, where.offset); }
    Node* make_scalar_at(std::string_view text, const Node& where);
    /// Deep copy. nullptr when it would go beyond `budget` nodes; the budget is reduced by what was copied.
    Node* copy(const Node& node, std::uint64_t& budget);
    void append(Node& parent, Entry entry);
    /// Gives a mapping's member this value; a member that is not there yet is added, its key at the value's place.
    void set(Node& map, std::string_view key, Node* value);
    /// Takes a mapping's member out, if it is there.
    static void remove(Node& map, std::string_view key);
    /// Keeps the text for the life of the tree.
    std::string_view store(std::string_view text);

    /// 1-based line and column (in characters) of a byte.
    [[nodiscard]] Position position(std::uint32_t file, std::uint32_t offset) const;
    [[nodiscard]] Position position(const Node& node) const { return position(node.file, node.offset); }

  private:
    std::pmr::monotonic_buffer_resource arena_{64 * 1024};
    std::vector<SourceFile> files_;
};

}  // namespace stack::compose
