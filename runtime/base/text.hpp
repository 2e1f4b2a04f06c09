// Small pure functions on text that several layers share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
/// The candidate nearest to `word` within a third of its length (at least 1, at most 3 edits,
/// transpositions count as one); nullopt when none is near. Ties go to the first in order.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
/// Lower-case hex of `bytes` random bytes from getrandom(2).
std::string random_hex(std::size_t bytes);
/// Whole-string signed/unsigned decimal; nullopt on anything else.
std::optional<long long> parse_int(std::string_view text);

}  // namespace stack
