#include "manager/compose/scalar.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace stack::compose {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Cheap test that spares ordinary words the number parsers.
bool may_be_number(std::string_view text) {
    return !text.empty() && (is_digit(text[0]) || text[0] == '-' || text[0] == '+' || text[0] == '.');
}

std::string without_underscores(std::string_view text) {
    std::string result;
    for (const char c : text)
        if (c != '_') result += c;
    return result;
}

// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; the sign is gone already.
bool is_float_syntax(std::string_view text) {
    std::size_t i = 0;
    const auto digits = [&] {
        const std::size_t begin = i;
        while (i < text.size() && is_digit(text[i])) ++i;
        return i - begin;
    };
    const std::size_t whole = digits();
    if (i < text.size() && text[i] == '.') {
        ++i;
        if (digits() == 0 && whole == 0) return false;
    } else if (whole == 0) {
        return false;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        ++i;
        if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
        if (digits() == 0) return false;
    }
    return i == text.size();
}

// As Go's %v prints a float64: shortest digits that read back, exponent only for very small and very large values.
std::string float_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
    const double magnitude = std::fabs(value);
    const bool scientific = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e21);
    std::array<char, 400> buffer;
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                      scientific ? std::chars_format::scientific : std::chars_format::fixed);
    return {buffer.data(), result.ptr};
}

}  // namespace

std::optional<std::int64_t> parse_yaml_int(std::string_view text) {
    if (!may_be_number(text) || text.find('.') != std::string_view::npos) return std::nullopt;
    const std::string plain = without_underscores(text);
    std::string_view rest = plain;
    const bool negative = rest[0] == '-';
    if (negative || rest[0] == '+') rest.remove_prefix(1);
    int base = 10;
    if (rest.size() > 1 && rest[0] == '0') {
        const char mark = rest[1];
        base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : 8;
        rest.remove_prefix(base != 8 || mark == 'o' || mark == 'O' ? 2 : 1);
    }
    std::uint64_t magnitude = 0;
    const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), magnitude, base);
    if (rest.empty() || result.ec != std::errc{} || result.ptr != rest.data() + rest.size())
        return std::nullopt;
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (magnitude > kMax + (negative ? 1 : 0)) return std::nullopt;
    return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

std::optional<double> parse_yaml_float(std::string_view text) {
    if (!may_be_number(text)) return std::nullopt;
    std::string_view bare = text;
    const bool negative = bare[0] == '-';
    if (negative || bare[0] == '+') bare.remove_prefix(1);
    if (bare == ".inf" || bare == ".Inf" || bare == ".INF")
        return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::numeric_limits<double>::quiet_NaN();
    const std::string plain = without_underscores(bare);
    if (!is_float_syntax(plain)) return std::nullopt;
    double value = 0;
    const auto result = std::from_chars(plain.data(), plain.data() + plain.size(), value);
    if (result.ec != std::errc{}) return std::nullopt;
    return negative ? -value : value;
}

std::optional<bool> parse_yaml_bool(std::string_view text) {
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    return std::nullopt;
}

ScalarType plain_scalar_type(std::string_view text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
        return ScalarType::null;
    if (parse_yaml_bool(text)) return ScalarType::boolean;
    if (!may_be_number(text)) return ScalarType::string;
    if (parse_yaml_int(text)) return ScalarType::integer;
    if (parse_yaml_float(text)) return ScalarType::floating;
    return ScalarType::string;
}

ScalarType scalar_type(const Node& node) {
    if (node.kind == NodeKind::null) return ScalarType::null;
    if (node.is_string || node.tag == NodeTag::string) return ScalarType::string;
    return plain_scalar_type(node.text);
}

std::string scalar_text(const Node& node) {
    switch (scalar_type(node)) {
        case ScalarType::null:
            return {};
        case ScalarType::string:
            return std::string{node.text};
        case ScalarType::boolean:
            return *parse_yaml_bool(node.text) ? "true" : "false";
        case ScalarType::integer:
            return std::to_string(*parse_yaml_int(node.text));
        case ScalarType::floating:
            return float_text(*parse_yaml_float(node.text));
    }
    return {};
}

}  // namespace stack::compose
