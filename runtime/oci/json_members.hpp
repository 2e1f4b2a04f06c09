// Members of a JSON object that are left out when they say nothing, as Go's `omitempty` does.
#pragma once

#include <optional>

#include <nlohmann/json_fwd.hpp>

namespace stack::oci {

/// Texts, lists and objects: left out when empty. Numbers and flags: never.
void put(nlohmann::ordered_json& object, const char* key, nlohmann::ordered_json value);
/// Numbers and flags: left out when zero or false.
void put_nonzero(nlohmann::ordered_json& object, const char* key, nlohmann::ordered_json value);

/// `Json` is nlohmann::ordered_json, complete where this is used.
template <class Json, class T>
void put(Json& object, const char* key, const std::optional<T>& value) {
    if (value) put(object, key, Json(*value));
}

}  // namespace stack::oci
