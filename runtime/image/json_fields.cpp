#include "runtime/image/json_fields.hpp"

#include "runtime/base/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::json_fields {

namespace {

constexpr std::size_t kMaxString = 128u << 10;  // one argument or variable of execve(2) holds no more
constexpr std::size_t kMaxItems = 10'000;

[[noreturn]] void wrong_type(std::string_view key, std::string_view wanted) {
    throw Error{ErrorKind::invalid_input, fmt::format("field '{}' is not {}", key, wanted)};
}

std::string checked_string(const nlohmann::json& value, std::string_view key) {
    const auto* text = value.get_ptr<const std::string*>();
    if (text == nullptr) wrong_type(key, "a string");
    if (text->size() > kMaxString)
        throw Error{ErrorKind::invalid_input, fmt::format("field '{}' is longer than 128 KiB", key)};
    if (text->find('\0') != std::string::npos)
        throw Error{ErrorKind::invalid_input, fmt::format("field '{}' holds a NUL character", key)};
    return *text;
}

void check_count(std::size_t count, std::string_view key, std::size_t limit) {
    if (count > limit)
        throw Error{ErrorKind::invalid_input, fmt::format("field '{}' has more than {} entries", key, limit)};
}

}  // namespace

nlohmann::json parse_object(std::string_view text, std::string_view what, std::size_t max_bytes) {
    if (text.size() > max_bytes)
        throw Error{ErrorKind::invalid_input, fmt::format("{} is larger than {} bytes", what, max_bytes)};
    try {
        nlohmann::json document = nlohmann::json::parse(text);
        if (!document.is_object())
            throw Error{ErrorKind::invalid_input, fmt::format("{} is no JSON object", what)};
        return document;
    } catch (const nlohmann::json::exception& problem) {
        throw Error{ErrorKind::invalid_input, fmt::format("{} is not valid JSON: {}", what, problem.what())};
    }
}

const nlohmann::json* find(const nlohmann::json& object, std::string_view key) {
    const auto member = object.find(key);
    return member == object.end() || member->is_null() ? nullptr : &*member;
}

const nlohmann::json* object(const nlohmann::json& parent, std::string_view key) {
    const nlohmann::json* value = find(parent, key);
    if (value != nullptr && !value->is_object()) wrong_type(key, "an object");
    return value;
}

const nlohmann::json* array(const nlohmann::json& parent, std::string_view key, std::size_t max_items) {
    const nlohmann::json* value = find(parent, key);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) wrong_type(key, "a list");
    check_count(value->size(), key, max_items);
    return value;
}

std::string string(const nlohmann::json& parent, std::string_view key) {
    const nlohmann::json* value = find(parent, key);
    return value == nullptr ? std::string{} : checked_string(*value, key);
}

std::int64_t integer(const nlohmann::json& parent, std::string_view key) {
    const nlohmann::json* value = find(parent, key);
    if (value == nullptr) return 0;
    if (!value->is_number_integer()) wrong_type(key, "a whole number");
    if (value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX) wrong_type(key, "below 2^63");
    return value->get<std::int64_t>();
}

std::vector<std::string> strings(const nlohmann::json& parent, std::string_view key) {
    std::vector<std::string> result;
    const nlohmann::json* list = array(parent, key, kMaxItems);
    if (list == nullptr) return result;
    for (const nlohmann::json& item : *list) result.push_back(checked_string(item, key));
    return result;
}

std::map<std::string, std::string> string_map(const nlohmann::json& parent, std::string_view key) {
    std::map<std::string, std::string> result;
    const nlohmann::json* members = object(parent, key);
    if (members == nullptr) return result;
    check_count(members->size(), key, kMaxItems);
    for (const auto& [name, value] : members->items()) result.emplace(name, checked_string(value, key));
    return result;
}

std::vector<std::string> keys(const nlohmann::json& parent, std::string_view key) {
    std::vector<std::string> result;
    const nlohmann::json* members = object(parent, key);
    if (members == nullptr) return result;
    check_count(members->size(), key, kMaxItems);
    for (const auto& [name, value] : members->items()) result.push_back(name);  // nlohmann keeps keys sorted
    return result;
}

}  // namespace stack::json_fields
