#include "manager/compose/validate.hpp"

#include "manager/compose/keys.hpp"
#include "manager/compose/scalar.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace stack::compose {

namespace {

std::string_view kind_name(const Node& node) {
    switch (node.kind) {
        case NodeKind::sequence:
            return "a list";
        case NodeKind::mapping:
            return "a map";
        case NodeKind::null:
            return "empty";
        case NodeKind::scalar:
            break;
    }
    switch (scalar_type(node)) {
        case ScalarType::boolean:
            return "true or false";
        case ScalarType::integer:
        case ScalarType::floating:
            return "a number";
        default:
            return "a string";
    }
}

bool is_text(const Node& node) {
    return node.is_scalar() && scalar_type(node) == ScalarType::string;
}
bool is_number(const Node& node) {
    const ScalarType type = scalar_type(node);
    return node.is_scalar() && (type == ScalarType::integer || type == ScalarType::floating);
}
bool is_text_or_number(const Node& node) {
    return is_text(node) || is_number(node);
}
bool is_integer_value(const Node& node) {
    return node.is_scalar() && parse_yaml_int(node.text).has_value();
}
bool is_number_value(const Node& node) {
    return node.is_scalar() && (parse_yaml_int(node.text) || parse_yaml_float(node.text));
}
bool is_octal_value(const Node& node) {
    if (!node.is_scalar()) return false;
    if (!node.is_string) return parse_yaml_int(node.text).has_value();
    return !node.text.empty() && node.text.find_first_not_of("01234567") == std::string_view::npos;
}

bool is_legal_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    });
}

class Validator {
  public:
    Validator(const Tree& tree, ValidateStage stage, Reporter& reporter)
        : tree_{tree}, stage_{stage}, reporter_{reporter} {}

    void check_root(Node& root) { check_members(root, key_tree()); }
    void check_service(const Node& name, Node& service) {
        path_ = {{"services", 0}, {name.text, 0}};
        if (service.is_mapping())
            check_members(service, *key_tree().members.at("services")->named);
        else if (!service.is_null())
            wrong_shape(service, "a map");
    }

  private:
    // ---- keys ----------------------------------------------------------------------------------------------------

    void check_members(Node& map, const KeyNode& keys) {
        for (Entry& entry : map.items()) {
            if (entry.value->broken) continue;
            const std::string_view name = entry.key->text;
            path_.push_back({name, 0});
            const auto found = keys.members.find(name);
            if (found != keys.members.end()) {
                check_known(*entry.key, *entry.value, *found->second);
            } else if (!name.starts_with("x-")) {
                unknown_key(*entry.key, *entry.value, keys);
            }
            path_.pop_back();
        }
    }

    void check_named(Node& map, const KeyNode& keys) {
        if (!keys.named) return;
        for (Entry& entry : map.items()) {
            path_.push_back({entry.key->text, 0});
            if (path_.size() == 2 && !is_legal_name(entry.key->text))
                reporter_
                    .error("name", fmt::format("\"{}\" is no legal name", entry.key->text),
                           tree_.position(*entry.key))
                    .hint = "use letters, digits, \".\", \"_\" and \"-\"";
            Node& value = *entry.value;
            if (!skip(value)) {
                if (value.is_mapping()) {
                    check_members(value, *keys.named);
                } else if (!value.is_null()) {
                    wrong_shape(value, "a map");
                } else if (path_[0].name == "services" && path_.size() == 2 &&
                           stage_ == ValidateStage::merged) {
                    wrong_shape(value, "a map");
                }
            }
            path_.pop_back();
        }
    }

    void check_known(const Node& key, Node& value, const KeyNode& keys) {
        if (value.tag == NodeTag::reset) return;
        const KeyRow& row = *keys.row;
        if (row.state == KeyState::refused) {
            complain(value, key, "not-supported",
                     fmt::format("{} is not supported: {}", path_text(), row.remark));
            return;
        }
        if (row.path == "version")
            reporter_.warning("obsolete-key", "version is obsolete and ignored", tree_.position(key)).hint =
                "remove the line";
        check_value(value, keys);
    }

    void unknown_key(const Node& key, Node& value, const KeyNode& keys) {
        const std::string name{key.text};
        const std::string place = parent_path_text();
        Diagnostic& diagnostic =
            complain(value, key, "unknown-key",
                     place.empty() ? fmt::format("unknown key \"{}\"", name)
                                   : fmt::format("unknown key \"{}\" in {}", name, place));
        if (!reporter_.wants_suggestions()) return;
        if (const auto near = nearest(name, keys.member_names())) {
            diagnostic.hint = fmt::format("did you mean \"{}\"?", *near);
        } else if (path_.size() == 1) {
            const KeyNode& service = *key_tree().members.at("services")->named;
            if (service.members.contains(key.text))
                diagnostic.hint = fmt::format("\"{}\" belongs to a service: services.NAME.{}", name, name);
            else if (value.find("image") || value.find("build"))
                diagnostic.hint = "services stand below \"services:\"";
        }
    }

    // ---- values --------------------------------------------------------------------------------------------------

    static bool skip(const Node& node) { return node.is_opaque() || node.tag == NodeTag::reset; }

    void check_value(Node& node, const KeyNode& keys) {
        if (skip(node)) return;
        const KeyRow& row = *keys.row;
        if (node.is_null()) {
            check_null(node, row);
            return;
        }
        switch (row.shape) {
            case Shape::any:
                return;
            case Shape::string:
                return expect_text(node);
            case Shape::text:
                return expect(node, is_text_or_number(node), "a string or a number");
            case Shape::boolean:
                return expect_boolean(node);
            case Shape::integer:
                return expect(node, is_integer_value(node), "a whole number");
            case Shape::number:
                return expect(node, is_number_value(node), "a number");
            case Shape::bytes:
                return expect_bytes(node);
            case Shape::duration:
                return expect_duration(node);
            case Shape::octal:
                return expect(node, is_octal_value(node), "an octal number such as 0440");
            case Shape::boolean_or_string:
                return expect(node, node.is_scalar(), "true, false or a string");
            default:
                return check_collection(node, keys);
        }
    }

    void check_collection(Node& node, const KeyNode& keys) {
        switch (keys.row->shape) {
            case Shape::strings:
                return expect_list_of_text(node);
            case Shape::texts:
            case Shape::exposed:
                return expect_items(node, "a list", is_text_or_number, "a string or a number");
            case Shape::string_or_strings:
            case Shape::command:
            case Shape::test:
            case Shape::tmpfs:
                if (node.is_sequence()) return expect_list_of_text(node);
                return expect(node, is_text(node), "a string or a list of strings");
            case Shape::pairs:
            case Shape::variables:
                return expect_pairs(node);
            case Shape::text_map:
                return expect_text_map(node);
            case Shape::hosts:
                return expect_hosts(node);
            case Shape::ulimits:
                return expect_ulimits(node, keys);
            default:
                return check_maps(node, keys);
        }
    }

    // Values with keys of the table in them.
    void check_maps(Node& node, const KeyNode& keys) {
        switch (keys.row->shape) {
            case Shape::map:
                if (expect_kind(node, NodeKind::mapping, "a map")) check_members(node, keys);
                return;
            case Shape::external:
                return node.is_mapping() ? check_members(node, keys) : expect_boolean(node);
            case Shape::string_or_map:
            case Shape::build:
                if (node.is_mapping()) return check_members(node, keys);
                return expect(node, is_text(node), "a string or a map");
            case Shape::named:
                if (expect_kind(node, NodeKind::mapping, "a map")) check_named(node, keys);
                return;
            case Shape::names:
            case Shape::dependencies:
                if (node.is_mapping()) return check_named(node, keys);
                return expect_items(node, "a list or a map", is_text, "a string");
            case Shape::env_files:
                if (is_text(node)) return;
                return check_items(node, keys, true, false, "a string or a list");
            case Shape::gpus:
                if (node.is_scalar())
                    return expect(node, node.text == "all", "the word all, or a list of maps");
                return check_items(node, keys, false, false, "a list of maps");
            case Shape::maps:
            case Shape::requests:
                return check_items(node, keys, false, false, "a list of maps");
            case Shape::ports:
                return check_items(node, keys, true, true, "a list");
            default:
                return check_items(node, keys, true, false, "a list");
        }
    }

    void check_null(Node& node, const KeyRow& row) {
        if (stage_ == ValidateStage::single_file) return;
        const bool takes_null = row.shape == Shape::any || row.merge == Merge::replace_also_by_null ||
                                row.path == "services.*.deploy" || row.path == "services.*.develop";
        if (takes_null) return;
        wrong_shape(node, wanted_for(row.shape)).hint = "give it a value, or remove the key";
    }

    static std::string_view wanted_for(Shape shape) {
        switch (shape) {
            case Shape::boolean:
                return "true or false";
            case Shape::integer:
            case Shape::number:
                return "a number";
            case Shape::strings:
            case Shape::texts:
            case Shape::exposed:
            case Shape::maps:
            case Shape::requests:
            case Shape::strings_or_maps:
            case Shape::ports:
            case Shape::mounts:
            case Shape::devices:
            case Shape::grants:
                return "a list";
            case Shape::pairs:
            case Shape::variables:
            case Shape::hosts:
            case Shape::names:
            case Shape::dependencies:
                return "a map or a list";
            case Shape::map:
            case Shape::named:
            case Shape::text_map:
            case Shape::ulimits:
                return "a map";
            case Shape::string_or_strings:
            case Shape::env_files:
            case Shape::command:
            case Shape::test:
            case Shape::tmpfs:
                return "a string or a list";
            case Shape::string_or_map:
            case Shape::build:
                return "a string or a map";
            default:
                return "a string";
        }
    }

    void expect(Node& node, bool condition, std::string_view wanted) {
        if (!condition) wrong_shape(node, wanted);
    }
    bool expect_kind(Node& node, NodeKind kind, std::string_view wanted) {
        if (node.kind == kind) return true;
        wrong_shape(node, wanted);
        return false;
    }

    void expect_text(Node& node) {
        if (is_text(node)) return;
        Diagnostic& diagnostic = wrong_shape(node, "a string");
        if (node.is_scalar()) diagnostic.hint = fmt::format("put it in quotes: \"{}\"", node.text);
    }

    void expect_boolean(Node& node) {
        const std::string word = node.is_scalar() ? to_lower(node.text) : std::string{};
        if (word == "true" || word == "false") return;
        const bool yes = word == "yes" || word == "on" || word == "y";
        if (yes || word == "no" || word == "off" || word == "n") {
            reporter_
                .warning(
                    "old-boolean",
                    fmt::format("{}: \"{}\" is read as {}", path_text(), node.text, yes ? "true" : "false"),
                    tree_.position(node))
                .hint = fmt::format("write {}", yes ? "true" : "false");
            return;
        }
        wrong_shape(node, "true or false");
    }

    void expect_bytes(Node& node) {
        if (node.is_scalar() && (parse_yaml_int(node.text) || parse_bytes(node.text))) return;
        wrong_shape(node, "a size").hint = "write a number of bytes, or one with a unit: 64m, 1.5gb";
    }

    void expect_duration(Node& node) {
        if (is_text(node) && parse_duration(node.text)) return;
        if (node.is_scalar() && node.text == "0") return;
        wrong_shape(node, "a duration").hint = is_number(node)
                                                   ? fmt::format("add a unit: {}s", node.text)
                                                   : "write it like 1m30s; units are us, ms, s, m, h";
    }

    void expect_list_of_text(Node& node) { expect_items(node, "a list", is_text, "a string"); }

    void expect_items(Node& node, std::string_view wanted, bool (*test)(const Node&),
                      std::string_view wanted_item) {
        if (!expect_kind(node, NodeKind::sequence, wanted)) return;
        for (std::uint32_t i = 0; i < node.count; ++i) {
            Node& item = *node.entries[i].value;
            if (skip(item) || test(item)) continue;
            path_.push_back({{}, i});
            Diagnostic& diagnostic = wrong_shape(item, wanted_item);
            if (item.is_scalar()) diagnostic.hint = fmt::format("put it in quotes: \"{}\"", item.text);
            path_.pop_back();
        }
    }

    void expect_scalar_members(Node& map) {
        for (Entry& entry : map.items()) {
            if (skip(*entry.value) || entry.value->is_scalar() || entry.value->is_null()) continue;
            path_.push_back({entry.key->text, 0});
            wrong_shape(*entry.value, "a string, a number or a bool");
            path_.pop_back();
        }
    }

    void expect_text_map(Node& node) {
        if (expect_kind(node, NodeKind::mapping, "a map")) expect_scalar_members(node);
    }

    void expect_pairs(Node& node) {
        if (node.is_mapping()) return expect_scalar_members(node);
        expect_items(node, "a map or a list", is_text, "a string like KEY=VALUE");
    }

    void expect_hosts(Node& node) {
        if (!node.is_mapping())
            return expect_items(node, "a map or a list", is_text, "a string like HOST=ADDRESS");
        for (Entry& entry : node.items()) {
            path_.push_back({entry.key->text, 0});
            if (entry.value->is_sequence())
                expect_list_of_text(*entry.value);
            else if (!skip(*entry.value))
                expect_text(*entry.value);
            path_.pop_back();
        }
    }

    void expect_ulimits(Node& node, const KeyNode& keys) {
        if (!expect_kind(node, NodeKind::mapping, "a map")) return;
        for (Entry& entry : node.items()) {
            if (skip(*entry.value)) continue;
            path_.push_back({entry.key->text, 0});
            if (entry.value->is_mapping())
                check_members(*entry.value, *keys.named);
            else
                expect(*entry.value, is_integer_value(*entry.value),
                       "a whole number, or a map with soft and hard");
            path_.pop_back();
        }
    }

    void check_items(Node& node, const KeyNode& keys, bool strings, bool numbers, std::string_view wanted) {
        if (!expect_kind(node, NodeKind::sequence, wanted)) return;
        for (std::uint32_t i = 0; i < node.count; ++i) {
            Node& item = *node.entries[i].value;
            if (skip(item)) continue;
            path_.push_back({{}, i});
            if (item.is_mapping()) {
                check_members(item, *keys.item);
            } else if (!(strings && is_text(item)) && !(numbers && is_number(item))) {
                Diagnostic& diagnostic = wrong_shape(item, strings ? "a string or a map" : "a map");
                if (strings && item.is_scalar())
                    diagnostic.hint = fmt::format("put it in quotes: \"{}\"", item.text);
            }
            path_.pop_back();
        }
    }

    // ---- messages ------------------------------------------------------------------------------------------------

    struct Step {
        std::string_view name;  // empty: item `index` of a list
        std::uint32_t index;
    };

    [[nodiscard]] std::string path_text(std::size_t length) const {
        std::string text;
        for (std::size_t i = 0; i < length; ++i) {
            const Step& step = path_[i];
            if (step.name.data() == nullptr) {
                text += fmt::format("[{}]", step.index);
            } else {
                if (!text.empty()) text += '.';
                text += step.name;
            }
        }
        return text;
    }
    [[nodiscard]] std::string path_text() const { return path_text(path_.size()); }
    [[nodiscard]] std::string parent_path_text() const { return path_text(path_.size() - 1); }

    Diagnostic& complain(Node& value, const Node& place, std::string code, std::string message) {
        value.broken = true;
        Diagnostic& diagnostic = reporter_.error(std::move(code), std::move(message), tree_.position(place));
        if (path_.size() > 1 && path_[0].name == "services") diagnostic.service = path_[1].name;
        return diagnostic;
    }

    Diagnostic& wrong_shape(Node& node, std::string_view wanted) {
        constexpr std::size_t kLongestQuote = 60;
        const bool quote = node.is_scalar() && node.text.size() <= kLongestQuote;
        const std::string found = quote ? fmt::format("\"{}\"", node.text) : std::string{kind_name(node)};
        return complain(node, node, "type",
                        node.is_null() ? fmt::format("{} is empty; it must be {}", path_text(), wanted)
                                       : fmt::format("{} must be {}, not {}", path_text(), wanted, found));
    }

    const Tree& tree_;
    ValidateStage stage_;
    Reporter& reporter_;
    std::vector<Step> path_;
};

}  // namespace

void validate(const Tree& tree, Node& root, ValidateStage stage, Reporter& reporter) {
    Validator{tree, stage, reporter}.check_root(root);
}

void validate_service(const Tree& tree, const Node& name, Node& service, Reporter& reporter) {
    Validator{tree, ValidateStage::single_file, reporter}.check_service(name, service);
}

}  // namespace stack::compose
