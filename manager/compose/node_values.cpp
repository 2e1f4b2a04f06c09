#include "manager/compose/node_values.hpp"

#include "manager/compose/scalar.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <charconv>

namespace stack::compose {

namespace {
bool is_usable_scalar(const Node* node) {
    return is_usable(node) && node->is_scalar();
}
}  // namespace

Node* usable_member(const Node& map, std::string_view key) {
    Node* node = map.find(key);
    return is_usable(node) ? node : nullptr;
}

std::optional<std::string> text_value(const Node* node) {
    if (!node || node->broken || !node->is_scalar()) return std::nullopt;
    return scalar_text(*node);
}

std::optional<bool> boolean_value(const Node* node) {
    if (!is_usable_scalar(node)) return std::nullopt;
    const std::string word = to_lower(node->text);
    return word == "true" || word == "yes" || word == "on" || word == "y";
}

std::optional<std::int64_t> integer_value(const Node* node) {
    if (!is_usable_scalar(node)) return std::nullopt;
    if (node->is_string)
        if (const auto decimal = parse_int(node->text)) return *decimal;
    return parse_yaml_int(node->text);
}

std::optional<double> number_value(const Node* node) {
    if (!is_usable_scalar(node)) return std::nullopt;
    if (const auto whole = parse_yaml_int(node->text)) return static_cast<double>(*whole);
    return parse_yaml_float(node->text);
}

std::optional<std::chrono::nanoseconds> duration_value(const Node* node) {
    if (!is_usable_scalar(node)) return std::nullopt;
    return parse_duration(node->text);
}

std::optional<std::int64_t> bytes_value(const Node* node) {
    if (!is_usable_scalar(node)) return std::nullopt;
    if (const auto whole = parse_yaml_int(node->text)) return whole;
    const auto value = parse_bytes(node->text);
    return value ? std::optional{static_cast<std::int64_t>(*value)} : std::nullopt;
}

std::optional<std::uint32_t> octal_value(const Node* node) {
    if (!is_usable_scalar(node)) return std::nullopt;
    if (!node->is_string) {
        const auto value = parse_yaml_int(node->text);
        return value && *value >= 0 ? std::optional{static_cast<std::uint32_t>(*value)} : std::nullopt;
    }
    std::uint32_t value = 0;
    const char* end = node->text.data() + node->text.size();
    const auto result = std::from_chars(node->text.data(), end, value, 8);
    return result.ec == std::errc{} && result.ptr == end ? std::optional{value} : std::nullopt;
}

std::vector<std::string> strings_value(const Node* node) {
    std::vector<std::string> result;
    if (!is_usable(node)) return result;
    if (node->is_scalar()) result.push_back(scalar_text(*node));
    if (node->is_sequence())
        for (const Entry& entry : node->items())
            if (auto item = text_value(entry.value)) result.push_back(std::move(*item));
    return result;
}

std::string member_text(const Node& map, std::string_view key) {
    return text_value(map.find(key)).value_or("");
}

}  // namespace stack::compose
