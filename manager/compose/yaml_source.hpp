// What the text of a YAML file itself says, where yaml-cpp is silent or too late: blanks, quotes, tabs, and bytes that are
// no text. Not a parser; document.hpp asks it about places that the parser has named.
#pragma once

#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace stack::compose {

/// The first byte from `at` that is neither blank nor in a comment; may be the end.
std::size_t skip_blanks_and_comments(std::string_view source, std::size_t at);

/// The byte where a node's content begins, behind its anchor and tag.
std::size_t skip_properties(std::string_view source, std::size_t at);

/// One past the closing quote of the quoted scalar at `at`; nullopt when it has none.
std::optional<std::size_t> end_of_quoted(std::string_view source, std::size_t at);

/// Offset of a tab that indents a line at or before the one that holds `at`, looking back over a few lines.
std::optional<std::size_t> tab_in_indentation_near(std::string_view source, std::size_t at);

/// False after reporting the first NUL byte, control character or byte that is no UTF-8.
bool check_bytes(const Tree& tree, std::uint32_t file, Reporter& reporter);

}  // namespace stack::compose
