#include "manager/compose/document.hpp"

#include "manager/compose/scalar.hpp"
#include "manager/compose/utf8.hpp"
#include "manager/compose/yaml_source.hpp"

#include <algorithm>
#include <istream>
#include <map>
#include <optional>
#include <streambuf>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace stack::compose {

namespace {

// Leaves yaml-cpp from inside an event; what is wrong has been reported.
struct Stop {};

// ---- yaml-cpp's words in ours ------------------------------------------------------------------------------------

struct SyntaxWords {
    std::string_view theirs, ours, hint;
};
constexpr SyntaxWords kSyntaxWords[] = {
    {"illegal map value", "a mapping is not allowed here",
     "look at the indentation of this line and the one above; text with \": \" in it needs quotes"},
    {"end of map not found", "unexpected text", "look at the indentation of this line and at its quotes"},
    {"end of sequence not found", "unexpected text in a list", "look at the indentation of this line"},
    {"end of map flow not found", "this \"{\" is not closed", ""},
    {"end of sequence flow not found", "this \"[\" is not closed", ""},
    {"illegal flow end", "a closing bracket without an opening one", ""},
    {"illegal block entry", "a list item is not allowed here", "put the \"-\" on a line of its own"},
    {"illegal map key", "a mapping key is not allowed here", ""},
    {"unknown token", "a plain value can't begin with this character", "put the value in quotes"},
    {"the referenced anchor is not defined", "the alias names an anchor that is not defined before it", ""},
    {"illegal tab when looking for indentation", "a tab in the indentation", ""},
    {"illegal EOF in scalar", "the file ends inside a quoted string", ""},
};

class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(Tree& tree, std::uint32_t file, DocumentBudget& budget, Reporter& reporter)
        : tree_{tree}, reporter_{reporter}, budget_{budget}, source_{*tree.file(file).text}, file_{file} {}

    std::vector<Node*> roots;

    void OnDocumentStart(const YAML::Mark& mark) override {
        const std::size_t at = offset_of(mark);
        // yaml-cpp begins a new document wherever the indentation no longer fits.
        if (!roots.empty() && source_.substr(at, 3) != "---")
            fail(at, "this line is indented less than the first line of the document",
                 "let every top-level key begin in the same column");
        anchors_.clear();
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        // An absent value has the mark of whatever comes next; its key is the better place.
        const std::size_t at = offset_of(mark);
        const bool written =
            at < source_.size() && (source_[at] == '~' || source_[at] == 'n' || source_[at] == 'N');
        const bool in_value = !open_.empty() && open_.back().key;
        const std::size_t place =
            !written && in_value ? open_.back().key->offset : std::min(at, source_.size());
        Node* node = make(NodeKind::null, place);
        remember(anchor, node);
        add(node);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        const std::size_t at = offset_of(mark);
        if (found == anchors_.end()) fail(at, "the alias names an anchor that is not defined before it");
        for (const Open& open : open_)
            if (open.node == found->second) fail(at, "the alias stands inside the value that it names");
        Node* node = tree_.copy(*found->second, budget_.alias_nodes_left);
        if (!node) too_many_aliases(at);
        check_depth_of(*node, static_cast<int>(open_.size()), at);
        add(node);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        const std::size_t at = offset_of(mark);
        const std::size_t content = skip_properties(source_, at);
        const char first = content < source_.size() ? source_[content] : '\0';
        const bool quoted = first == '"' || first == '\'';
        std::size_t end = content + value.size();
        if (quoted) {
            const auto close = end_of_quoted(source_, content);
            if (!close) fail(content, "this quote is never closed");
            end = *close;
            if (source_.substr(content, end - content).find('\n') != std::string_view::npos)
                long_quote_ = content;
        }
        Node* node = make(NodeKind::scalar, quoted || tag.size() <= 1 ? content : at);
        node->tag = tag_of(tag, at);
        node->is_string = quoted || tag == "!";
        // yaml-cpp writes the escapes `\N` and `\_` as one byte each, U+0085 and U+00A0 in Latin-1.
        if (first == '"' && value.find_first_of("\x85\xa0") != std::string::npos)
            node->text = tree_.store(latin_bytes_to_utf8(value));
        else
            node->text = text_in_source_or_stored(content + (quoted ? 1 : 0), value);
        if (node->tag == NodeTag::none && !node->is_string && plain_scalar_type(value) == ScalarType::null)
            node->kind = NodeKind::null;
        remember(anchor, node);
        if (is_key_next()) check_colon(*node, end);
        add(node);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value style) override {
        open(NodeKind::sequence, mark, tag, anchor, style);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value style) override {
        open(NodeKind::mapping, mark, tag, anchor, style);
    }
    void OnMapEnd() override {
        Node& node = *open_.back().node;
        if (open_.back().has_merge_key) apply_merge_keys(node);
        check_duplicates(node);
        close();
    }

    // Turns an exception of yaml-cpp into a diagnostic.
    void report(const YAML::Exception& error) {
        std::size_t at = error.mark.is_null() ? source_.size() : offset_of(error.mark);
        if (const auto tab = tab_in_indentation_near(source_, at)) {
            diagnose(*tab, "a tab in the indentation").hint =
                "YAML does not allow tabs for indentation; use spaces";
            return;
        }
        std::string_view message = error.msg, hint;
        for (const SyntaxWords& words : kSyntaxWords) {
            if (!message.starts_with(words.theirs)) continue;
            message = words.ours;
            hint = words.hint;
            break;
        }
        if (message == "unexpected text" && is_first_on_line(at)) {
            message = "the indentation of this line fits nothing above it";
            hint = "keys of one mapping begin in the same column";
        }
        if (message.ends_with("is not closed") && !open_.empty()) at = open_.back().node->offset;
        Diagnostic& diagnostic = diagnose(at, std::string{message});
        diagnostic.hint = hint;
        if (long_quote_) {
            const Position place = tree_.position(file_, static_cast<std::uint32_t>(*long_quote_));
            diagnostic.related.push_back(
                {"a quoted string of several lines begins here; is its end where you mean it?", place});
        }
    }

  private:
    struct Open {
        Node* node;
        Node* key = nullptr;  // of the member that is being read
        bool flow = false;
        bool has_merge_key = false;
    };

    [[nodiscard]] bool is_first_on_line(std::size_t at) const {
        while (at > 0 && source_[at - 1] == ' ') --at;
        return at == 0 || source_[at - 1] == '\n';
    }

    static std::size_t offset_of(const YAML::Mark& mark) {
        return static_cast<std::size_t>(std::max(mark.pos, 0));
    }

    Node* make(NodeKind kind, std::size_t at) {
        if (budget_.nodes_left == 0) {
            reporter_.error("too-large",
                            fmt::format("the compose files hold more than {} values", budget_.limits.nodes),
                            tree_.position(file_, static_cast<std::uint32_t>(std::min(at, source_.size()))));
            throw Stop{};
        }
        --budget_.nodes_left;
        return tree_.make(kind, file_, static_cast<std::uint32_t>(at));
    }

    Diagnostic& diagnose(std::size_t at, std::string message) {
        return reporter_.error(
            "yaml-syntax", std::move(message),
            tree_.position(file_, static_cast<std::uint32_t>(std::min(at, source_.size()))));
    }

    [[noreturn]] void fail(std::size_t at, std::string message, std::string hint = {}) {
        diagnose(at, std::move(message)).hint = std::move(hint);
        throw Stop{};
    }

    [[noreturn]] void too_many_aliases(std::size_t at) {
        reporter_.error("alias-limit",
                        fmt::format("aliases expand to more than {} values", budget_.limits.alias_nodes),
                        tree_.position(file_, static_cast<std::uint32_t>(at)));
        throw Stop{};
    }

    // Most scalars stand in the source as they are; only the others need memory of their own.
    std::string_view text_in_source_or_stored(std::size_t at, const std::string& value) {
        if (source_.substr(std::min(at, source_.size()), value.size()) == value)
            return source_.substr(at, value.size());
        return tree_.store(value);
    }

    NodeTag tag_of(const std::string& tag, std::size_t at) {
        if (tag.size() <= 1) return NodeTag::none;  // "?" and "!"
        if (tag == "!reset") return NodeTag::reset;
        if (tag == "!override") return NodeTag::override_;
        constexpr std::string_view kCore = "tag:yaml.org,2002:";
        if (tag.starts_with(kCore)) {
            const std::string_view name = std::string_view{tag}.substr(kCore.size());
            if (name == "str") return NodeTag::string;
            if (name == "int") return NodeTag::integer;
            if (name == "float") return NodeTag::floating;
            if (name == "bool") return NodeTag::boolean;
            if (name == "map" || name == "seq" || name == "null") return NodeTag::none;
        }
        reporter_
            .error("unknown-tag", fmt::format("unknown tag \"{}\"", tag),
                   tree_.position(file_, static_cast<std::uint32_t>(at)))
            .hint = "Compose knows !reset and !override";
        return NodeTag::none;
    }

    void remember(YAML::anchor_t anchor, Node* node) {
        if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    }

    [[nodiscard]] bool is_key_next() const {
        return !open_.empty() && open_.back().node->is_mapping() && !open_.back().key;
    }

    void open(NodeKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              YAML::EmitterStyle::value style) {
        const std::size_t at = offset_of(mark);
        if (static_cast<int>(open_.size()) >= budget_.limits.depth)
            fail(at, fmt::format("nested more than {} levels deep", budget_.limits.depth));
        Node* node = make(kind, at);
        node->tag = tag_of(tag, at);
        remember(anchor, node);
        if (is_key_next()) fail(at, "a key must be a string", "lists and maps can't be keys");
        open_.push_back({node, nullptr, style == YAML::EmitterStyle::Flow, false});
    }

    void close() {
        Node* node = open_.back().node;
        open_.pop_back();
        add(node);
    }

    void add(Node* node) {
        if (open_.empty()) {
            add_root(node);
            return;
        }
        Open& open = open_.back();
        if (open.node->is_sequence()) {
            refuse_merge_tag(*node);
            tree_.append(*open.node, {nullptr, node});
        } else if (!open.key) {
            check_key(*node);
            open.key = node;
            if (node->text == "<<" && !node->is_string) open.has_merge_key = true;
        } else {
            tree_.append(*open.node, {open.key, node});
            open.key = nullptr;
        }
    }

    // Items of lists have no name by which another file could mean them.
    void refuse_merge_tag(Node& item) {
        if (item.tag != NodeTag::reset && item.tag != NodeTag::override_) return;
        const std::string_view tag = item.tag == NodeTag::reset ? "!reset" : "!override";
        reporter_
            .error("list-item-tag", fmt::format("{} can't be put on an item of a list", tag),
                   tree_.position(item))
            .hint = fmt::format("put it on the whole list: \"key: {} […]\"", tag);
        item.tag = NodeTag::none;
    }

    void add_root(Node* node) {
        if (!node->is_mapping() && !node->is_null())
            fail(node->offset, "a compose file is a mapping of keys to values", "begin with \"services:\"");
        roots.push_back(node);
    }

    void check_key(const Node& key) {
        const ScalarType type = scalar_type(key);
        if (key.is_scalar() && type == ScalarType::string) return;
        reporter_
            .error("key-type", fmt::format("the key {} is not a string", key.is_null() ? "null" : key.text),
                   tree_.position(key))
            .hint = "put it in quotes";
    }

    // `image nginx` on a line of its own is a key without a value for yaml-cpp.
    void check_colon(const Node& key, std::size_t end) {
        if (open_.back().flow) return;
        std::size_t at = end;
        if (!key.is_string && source_.substr(key.offset, key.text.size()) != key.text)
            return;  // folded or tagged
        at = skip_blanks_and_comments(source_, at);
        if (at < source_.size() && source_[at] == ':') return;
        fail(key.offset, fmt::format("\"{}\" has no \":\" behind it", key.text),
             "write \"key: value\", or \"- item\" in a list");
    }

    void check_duplicates(const Node& node) {
        const auto report = [this](const Node& first, const Node& second) {
            reporter_
                .error("duplicate-key",
                       fmt::format("the key \"{}\" stands twice in this mapping", second.text),
                       tree_.position(second))
                .related.push_back({"first here", tree_.position(first)});
        };
        constexpr std::uint32_t kFew = 12;
        if (node.count <= kFew) {
            for (std::uint32_t i = 1; i < node.count; ++i)
                for (std::uint32_t j = 0; j < i; ++j)
                    if (node.entries[i].key->text == node.entries[j].key->text)
                        report(*node.entries[j].key, *node.entries[i].key);
            return;
        }
        std::unordered_map<std::string_view, const Node*> seen;
        seen.reserve(node.count);
        for (const Entry& entry : node.items()) {
            const auto [first, is_new] = seen.emplace(entry.key->text, entry.key);
            if (!is_new) report(*first->second, *entry.key);
        }
    }

    // `<<: map` or `<<: [map, …]`: members that the mapping does not have itself; earlier maps win.
    void apply_merge_keys(Node& node) {
        const std::vector<Entry> members(node.items().begin(), node.items().end());
        std::unordered_map<std::string_view, bool> own;
        node.count = 0;
        int merge_keys = 0;
        for (const Entry& member : members) {
            if (is_merge_key(*member.key)) {
                if (++merge_keys > 1)
                    reporter_
                        .error("duplicate-key", "the key \"<<\" stands twice in this mapping",
                               tree_.position(*member.key))
                        .hint = "merge several maps with \"<<: [*a, *b]\"";
                continue;
            }
            own.emplace(member.key->text, true);
            tree_.append(node, member);
        }
        for (const Entry& member : members) {
            if (!is_merge_key(*member.key)) continue;
            if (member.value->is_sequence()) {
                for (const Entry& item : member.value->items())
                    merge_from(node, *item.value, own, *member.key);
            } else {
                merge_from(node, *member.value, own, *member.key);
            }
        }
    }

    static bool is_merge_key(const Node& key) { return key.text == "<<" && !key.is_string; }

    void merge_from(Node& node, const Node& from, std::unordered_map<std::string_view, bool>& own,
                    const Node& key) {
        if (!from.is_mapping()) {
            reporter_.error("merge-key", "\"<<\" needs a map, an alias of one or a list of those",
                            tree_.position(key));
            return;
        }
        for (const Entry& entry : from.items())
            if (own.emplace(entry.key->text, false).second) tree_.append(node, entry);
    }

    void check_depth_of(const Node& node, int depth, std::size_t at) {
        if (depth >= budget_.limits.depth)
            fail(at, fmt::format("nested more than {} levels deep", budget_.limits.depth));
        for (const Entry& entry : node.items())
            if (entry.value->count > 0) check_depth_of(*entry.value, depth + 1, at);
    }

    Tree& tree_;
    Reporter& reporter_;
    DocumentBudget& budget_;
    std::string_view source_;
    std::uint32_t file_;
    std::vector<Open> open_;
    std::unordered_map<YAML::anchor_t, Node*> anchors_;
    std::optional<std::size_t> long_quote_;
};

// An istream over bytes that are there already.
class MemoryBuffer final : public std::streambuf {
  public:
    explicit MemoryBuffer(std::string_view text) {
        char* begin = const_cast<char*>(text.data());  // the get area is only read
        setg(begin, begin, begin + text.size());
    }
};

}  // namespace

std::vector<Node*> parse_documents(Tree& tree, std::uint32_t file, DocumentBudget& budget,
                                   Reporter& reporter) {
    const std::string_view text = *tree.file(file).text;
    if (text.size() > budget.bytes_left) {
        const bool alone = text.size() > budget.limits.file_bytes;
        reporter.error("too-large",
                       fmt::format("{} larger than {} MiB",
                                   alone ? "the file is" : "with this file, the compose files together are",
                                   budget.limits.file_bytes >> 20),
                       {tree.file(file).name, 0, 0});
        return {};
    }
    budget.bytes_left -= text.size();
    if (!check_bytes(tree, file, reporter)) return {};
    TreeBuilder builder{tree, file, budget, reporter};
    try {
        MemoryBuffer buffer{text};
        std::istream stream{&buffer};
        YAML::Parser parser{stream};
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const YAML::Exception& error) {
        builder.report(error);
        return {};
    } catch (const Stop&) {
        return {};
    }
    return std::move(builder.roots);
}

}  // namespace stack::compose
