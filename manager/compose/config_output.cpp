#include "manager/compose/config_output.hpp"

#include "manager/compose/json_text.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/scalar.hpp"
#include "manager/compose/used_resources.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace stack::compose {

namespace {

// ---- what is printed ------------------------------------------------------------------------------------------------

// The top level in the order of print: `name`, the services, the resources that they use, extension fields. The nodes
// below are those of the document.
class PrintedDocument {
  public:
    PrintedDocument(const Node& root, const ConfigOutputOptions& options) : root_{root}, options_{options} {
        top_ = tree_.make_at(NodeKind::mapping, root);
        add("name");
        if (const Entry* services = root.find_entry("services"))
            add_some(*services, [this](std::string_view name) {
                return !options_.services || options_.services->contains(std::string{name});
            });
        const UsedResources used = used_resources(root, options.services ? &*options.services : nullptr);
        for (const char* kind : {"networks", "volumes", "secrets", "configs", "models"}) {
            const Entry* entry = root.find_entry(kind);
            const auto names = used.find(kind);
            if (entry)
                add_some(*entry, [&](std::string_view name) {
                    return options_.all_resources || (names != used.end() && names->second.contains(name));
                });
        }
        std::vector<Entry> extensions;
        for (const Entry& entry : root.items())
            if (entry.key->text.starts_with("x-")) extensions.push_back(entry);
        std::sort(extensions.begin(), extensions.end(),
                  [](const Entry& a, const Entry& b) { return a.key->text < b.key->text; });
        for (const Entry& entry : extensions) tree_.append(*top_, entry);
    }

    [[nodiscard]] const Node& top() const { return *top_; }

  private:
    void add(std::string_view key) {
        if (const Entry* entry = root_.find_entry(key)) tree_.append(*top_, *entry);
    }

    template <class Wanted>
    void add_some(const Entry& entry, Wanted wanted) {
        Node* map = tree_.make_at(NodeKind::mapping, *entry.value);
        for (const Entry& member : entry.value->items())
            if (member.key && wanted(member.key->text)) tree_.append(*map, member);
        if (map->count > 0 || entry.key->text == "services") tree_.append(*top_, {entry.key, map});
    }

    const Node& root_;
    const ConfigOutputOptions& options_;
    Tree tree_;
    Node* top_;
};

// Members in the order of print; those of the top level have theirs already.
std::vector<const Entry*> members_in_order(const Node& map, bool sorted) {
    std::vector<const Entry*> members;
    members.reserve(map.count);
    for (const Entry& entry : map.items()) members.push_back(&entry);
    if (sorted)
        std::sort(members.begin(), members.end(),
                  [](const Entry* a, const Entry* b) { return a->key->text < b->key->text; });
    return members;
}

// Loading the output again must not see a variable in it.
std::string with_dollars(std::string_view text, bool doubled) {
    if (!doubled || text.find('$') == std::string_view::npos) return std::string{text};
    std::string result;
    for (const char c : text) {
        result += c;
        if (c == '$') result += '$';
    }
    return result;
}

// ---- YAML -----------------------------------------------------------------------------------------------------------

// True when the text reads back as that string without quotes, in YAML 1.1 readers as well.
bool is_plain_yaml(std::string_view text) {
    if (plain_scalar_type(text) != ScalarType::string) return false;
    constexpr std::string_view kOldWords[] = {"y",  "Y",  "n",  "N",  "yes", "Yes", "YES", "no", "No",
                                              "NO", "on", "On", "ON", "off", "Off", "OFF", "<<", "="};
    for (const std::string_view word : kOldWords)
        if (text == word) return false;
    const char first = text.front();
    if (text.back() == ' ' || text.back() == ':') return false;
    const bool digit = first >= '0' && first <= '9';
    if (digit && text.find_first_not_of("0123456789:-.") == std::string_view::npos &&
        text.find_first_of(":-") != std::string_view::npos)
        return false;  // dates, and 22:22, a number of base 60 for old readers
    const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
    const bool dash = first == '-' && text.size() > 1 && text[1] != ' ' && !text.starts_with("---");
    const bool legal_first =
        letter || digit || dash || std::string_view{"/._$(+^~\\"}.find(first) != std::string_view::npos;
    if (!legal_first) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c >= 0x7f) return false;
        if (c == ':' && i + 1 < text.size() && text[i + 1] == ' ') return false;
        if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
    }
    return true;
}

std::string quoted_yaml(std::string_view text) {
    std::string out = "\"";
    for (const char c : valid_utf8(text)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += '\\', out += c;
        else if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    return out + '"';
}

class YamlWriter {
  public:
    explicit YamlWriter(const ConfigOutputOptions& options) : options_{options} {}

    std::string out;

    void write_members(const Node& map, int indent, bool sorted, bool first_is_placed) {
        for (const Entry* entry : members_in_order(map, sorted)) {
            if (!first_is_placed) out.append(static_cast<std::size_t>(indent), ' ');
            first_is_placed = false;
            const std::string_view key = entry->key->text;
            out += is_plain_yaml(key) ? std::string{key} : quoted_yaml(key);
            out += ':';
            write(*entry->value, indent, false);
        }
    }

  private:
    // Behind `key:` or `-`; ends with a newline.
    void write(const Node& node, int indent, bool in_list) {
        if (node.is_mapping() && node.count > 0) {
            out += in_list ? ' ' : '\n';
            write_members(node, indent + 2, true, in_list);
        } else if (node.is_sequence() && node.count > 0) {
            // A list in a list begins on the line of its item.
            if (!in_list) out += '\n';
            bool on_line = in_list;
            for (const Entry& item : node.items()) {
                if (on_line)
                    out += ' ';
                else
                    out.append(static_cast<std::size_t>(indent) + 2, ' ');
                on_line = false;
                out += '-';
                write(*item.value, indent + 2, true);
            }
        } else {
            out += ' ' + (node.is_mapping() ? "{}" : node.is_sequence() ? "[]" : scalar(node));
            if (options_.comment) write_comment(node);
            out += '\n';
        }
    }

    void write_comment(const Node& node) {
        constexpr std::size_t kColumn = 60;
        const std::size_t width = out.size() - (out.rfind('\n') + 1);
        out.append(width + 2 < kColumn ? kColumn - width : 2, ' ');
        out += "# " + options_.comment(node);
    }

    [[nodiscard]] std::string scalar(const Node& node) const {
        if (node.is_null() || scalar_type(node) == ScalarType::null) return "null";
        if (scalar_type(node) != ScalarType::string) return yaml_number(node);
        const std::string text = with_dollars(node.text, options_.double_dollars);
        return is_plain_yaml(text) ? text : quoted_yaml(text);
    }

    // YAML has words of its own for what is no finite number.
    static std::string yaml_number(const Node& node) {
        const auto value = parse_yaml_float(node.text);
        if (value && std::isnan(*value)) return ".nan";
        if (value && std::isinf(*value)) return *value < 0 ? "-.inf" : ".inf";
        return scalar_text(node);
    }

    const ConfigOutputOptions& options_;
};

// ---- JSON -----------------------------------------------------------------------------------------------------------

class JsonWriter {
  public:
    explicit JsonWriter(bool double_dollars) : double_dollars_{double_dollars} {}

    std::string out;

    void write(const Node& node, int indent, bool sorted) {
        if (node.is_mapping())
            write_map(node, indent, sorted);
        else if (node.is_sequence())
            write_list(node, indent);
        else
            write_scalar(node);
    }

  private:
    void write_map(const Node& map, int indent, bool sorted) {
        out += '{';
        bool first = true;
        for (const Entry* entry : members_in_order(map, sorted)) {
            begin_line(indent + 2, first);
            append_json_string(out, entry->key->text);
            out += ": ";
            write(*entry->value, indent + 2, true);
        }
        end(indent, first, '}');
    }

    void write_list(const Node& list, int indent) {
        out += '[';
        bool first = true;
        for (const Entry& entry : list.items()) {
            begin_line(indent + 2, first);
            write(*entry.value, indent + 2, true);
        }
        end(indent, first, ']');
    }

    void begin_line(int indent, bool& first) {
        out += first ? "\n" : ",\n";
        out.append(static_cast<std::size_t>(indent), ' ');
        first = false;
    }
    void end(int indent, bool empty, char bracket) {
        if (!empty) {
            out += '\n';
            out.append(static_cast<std::size_t>(indent), ' ');
        }
        out += bracket;
    }

    void write_scalar(const Node& node) {
        const ScalarType type = scalar_type(node);
        const auto number = parse_yaml_float(node.text);
        const bool finite = type != ScalarType::floating || (number && std::isfinite(*number));
        if (node.is_null() || type == ScalarType::null)
            out += "null";
        else if (type == ScalarType::string || !finite)
            append_json_string(out, with_dollars(node.text, double_dollars_));
        else
            out += scalar_text(node);
    }

    bool double_dollars_;
};

}  // namespace

std::string config_yaml(const Node& root, const ConfigOutputOptions& options) {
    YamlWriter writer{options};
    writer.write_members(PrintedDocument{root, options}.top(), 0, false, false);
    return std::move(writer.out);
}

std::string config_json(const Node& root, const ConfigOutputOptions& options) {
    JsonWriter writer{options.double_dollars};
    writer.write(PrintedDocument{root, options}.top(), 0, false);
    return std::move(writer.out) + "\n";
}

}  // namespace stack::compose
