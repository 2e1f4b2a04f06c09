// Typed, capped access to JSON from strangers: every accessor checks the type and names the field when it is
// wrong. Absent and null are the same, as in Go's encoding/json, which wrote most of these documents.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace stack::json_fields {

/// Parses `text`; `what` names the document in the error. Throws Error(invalid_input).
nlohmann::json parse_object(std::string_view text, std::string_view what, std::size_t max_bytes);

/// nullptr when absent or null.
const nlohmann::json* find(const nlohmann::json& object, std::string_view key);
/// The member as an object; nullptr when absent. Throws Error(invalid_input) for another type.
const nlohmann::json* object(const nlohmann::json& object, std::string_view key);
const nlohmann::json* array(const nlohmann::json& object, std::string_view key, std::size_t max_items);

/// Empty when absent. NUL bytes are refused: these strings end in system calls.
std::string string(const nlohmann::json& object, std::string_view key);
std::int64_t integer(const nlohmann::json& object, std::string_view key);  ///< 0 when absent
std::vector<std::string> strings(const nlohmann::json& object, std::string_view key);
std::map<std::string, std::string> string_map(const nlohmann::json& object, std::string_view key);
/// The keys of `{"80/tcp": {}}`, sorted.
std::vector<std::string> keys(const nlohmann::json& object, std::string_view key);

}  // namespace stack::json_fields
