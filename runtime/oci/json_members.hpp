// Members of a JSON object that are left out when they say nothing, as Go's `omitempty` does.
#pragma once

#include <optional>

#include <nlohmann/json.hpp>

namespace stack::oci {

/// Texts, lists and objects: left out when empty. Numbers and flags: never.
void put(nlohmann::ordered_json& object, const char* key, nlohmann::ordered_json value);
/// Numbers and flags: left out when zero or false.
void put_nonzero(nlohmann::ordered_json& object, const char* key, nlohmann::ordered_json value);

template <class T>
void put(nlohmann::ordered_json& object, const char* key, const std::optional<T>& value) {
    if (value) put(object, key, nlohmann::ordered_json(*value));
}

}  // namespace stack::oci
