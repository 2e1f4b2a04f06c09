#include "manager/compose/decode_context.hpp"

#include "manager/compose/scalar.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <charconv>
#include <unordered_map>

#include <fmt/format.h>

namespace stack::compose {

Diagnostic& DecodeContext::error(std::string code, std::string message, const Node& where) {
    Diagnostic& diagnostic = reporter_.error(std::move(code), std::move(message), tree_.position(where));
    diagnostic.service = service;
    return diagnostic;
}

Diagnostic& DecodeContext::warning(std::string code, std::string message, const Node& where) {
    Diagnostic& diagnostic = reporter_.warning(std::move(code), std::move(message), tree_.position(where));
    diagnostic.service = service;
    return diagnostic;
}

const Node* DecodeContext::member(const Node& map, std::string_view key) {
    const Node* node = map.find(key);
    return usable(node) ? node : nullptr;
}

std::optional<std::string> DecodeContext::text(const Node* node) {
    if (!usable(node) || !node->is_scalar()) return std::nullopt;
    return scalar_text(*node);
}

std::optional<bool> DecodeContext::boolean(const Node* node) {
    if (!usable(node) || !node->is_scalar()) return std::nullopt;
    const std::string word = to_lower(node->text);
    return word == "true" || word == "yes" || word == "on" || word == "y";
}

std::optional<std::int64_t> DecodeContext::integer(const Node* node) {
    if (!usable(node) || !node->is_scalar()) return std::nullopt;
    if (node->is_string)
        if (const auto decimal = parse_int(node->text)) return *decimal;
    return parse_yaml_int(node->text);
}

std::optional<double> DecodeContext::number(const Node* node) {
    if (!usable(node) || !node->is_scalar()) return std::nullopt;
    if (const auto whole = parse_yaml_int(node->text)) return static_cast<double>(*whole);
    return parse_yaml_float(node->text);
}

std::optional<Duration> DecodeContext::duration(const Node* node) {
    if (!usable(node) || !node->is_scalar()) return std::nullopt;
    return parse_duration(node->text);
}

std::optional<std::uint32_t> DecodeContext::octal(const Node* node) {
    if (!usable(node) || !node->is_scalar()) return std::nullopt;
    if (!node->is_string) {
        const auto value = parse_yaml_int(node->text);
        return value && *value >= 0 ? std::optional{static_cast<std::uint32_t>(*value)} : std::nullopt;
    }
    std::uint32_t value = 0;
    const char* end = node->text.data() + node->text.size();
    const auto result = std::from_chars(node->text.data(), end, value, 8);
    return result.ec == std::errc{} && result.ptr == end ? std::optional{value} : std::nullopt;
}

std::vector<std::string> DecodeContext::strings(const Node* node) {
    std::vector<std::string> result;
    if (!usable(node)) return result;
    if (node->is_scalar()) result.push_back(scalar_text(*node));
    if (node->is_sequence())
        for (const Entry& entry : node->items())
            if (auto item = text(entry.value)) result.push_back(std::move(*item));
    return result;
}

std::optional<std::int64_t> DecodeContext::bytes(const Node* node) {
    if (!usable(node) || !node->is_scalar()) return std::nullopt;
    if (const auto whole = parse_yaml_int(node->text)) {
        if (*whole >= 0) return *whole;
        error("value", fmt::format("a size can't be negative: {}", node->text), *node);
        return std::nullopt;
    }
    const auto value = parse_bytes(node->text);
    return value ? std::optional{static_cast<std::int64_t>(*value)} : std::nullopt;
}

std::optional<int> DecodeContext::integer_in(const Node* node, std::int64_t low, std::int64_t high,
                                             std::string_view what) {
    const auto value = integer(node);
    if (!value) return std::nullopt;
    if (*value >= low && *value <= high) return static_cast<int>(*value);
    error("value", fmt::format("{} must be from {} to {}, not {}", what, low, high, *value), *node);
    return std::nullopt;
}

std::vector<DecodeContext::Pair> DecodeContext::pairs(const Node* node) {
    std::vector<Pair> result;
    if (!usable(node)) return result;
    std::unordered_map<std::string, std::size_t>
        index;  // a later item of the same name wins at the earlier place
    const auto add = [&](std::string name, std::optional<std::string> value, const Node* where) {
        const auto [found, is_new] = index.emplace(name, result.size());
        if (is_new)
            result.push_back({std::move(name), std::move(value), where});
        else
            result[found->second] = {std::move(name), std::move(value), where};
    };
    result.reserve(node->count);
    for (const Entry& entry : node->items()) {
        if (entry.value->broken) continue;
        if (entry.key) {
            add(std::string{entry.key->text}, text(entry.value), entry.value);
            continue;
        }
        const std::string_view item = entry.value->text;
        const std::size_t equals = item.find('=');
        if (equals == std::string_view::npos)
            add(std::string{item}, std::nullopt, entry.value);
        else
            add(std::string{item.substr(0, equals)}, std::string{item.substr(equals + 1)}, entry.value);
    }
    return result;
}

std::map<std::string, std::string> DecodeContext::labels(const Node* node) {
    std::map<std::string, std::string> result;
    for (Pair& pair : pairs(node)) result[std::move(pair.name)] = pair.value.value_or("");
    return result;
}

std::string DecodeContext::absolute_path(std::string_view path) const {
    if (path == "~" || path.starts_with("~/"))
        return clean_path(fmt::format("{}/{}", settings_.home, path.substr(1)));
    if (path.starts_with('/')) return clean_path(path);
    return clean_path(fmt::format("{}/{}", settings_.project_directory, path));
}

bool DecodeContext::check_word(const Node& node, const std::vector<std::string>& words,
                               std::string_view what) {
    for (const std::string& word : words)
        if (node.text == word) return true;
    Diagnostic& diagnostic = error("value", fmt::format("{} can't be \"{}\"", what, node.text), node);
    const auto near = nearest(node.text, words);
    diagnostic.hint =
        near ? fmt::format("did you mean \"{}\"?", *near) : fmt::format("it is one of {}", join(words, ", "));
    return false;
}

}  // namespace stack::compose
