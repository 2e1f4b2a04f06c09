// Typed values out of nodes whose shape has been checked. A node that is absent, null, opaque or of another kind reads
// as nothing; texts are read with the variables that were left in them.
#pragma once

#include "manager/compose/tree.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::compose {

inline bool is_usable(const Node* node) {
    return node && !node->is_opaque() && !node->is_null();
}
/// The member if it is usable, else nullptr.
Node* usable_member(const Node& map, std::string_view key);

std::optional<std::string> text_value(const Node* node);
/// true, yes, on, y in any case; every other word is false.
std::optional<bool> boolean_value(const Node* node);
std::optional<std::int64_t> integer_value(const Node* node);
std::optional<double> number_value(const Node* node);
std::optional<std::chrono::nanoseconds> duration_value(const Node* node);
/// A size in bytes; negative as it is.
std::optional<std::int64_t> bytes_value(const Node* node);
/// A plain number is what YAML says it is (0440 is octal); a string is octal digits.
std::optional<std::uint32_t> octal_value(const Node* node);
/// Of a list, or of a single text.
std::vector<std::string> strings_value(const Node* node);

/// Texts and text of a mapping's member; empty when absent.
std::string member_text(const Node& map, std::string_view key);

}  // namespace stack::compose
