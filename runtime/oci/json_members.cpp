#include "runtime/oci/json_members.hpp"

#include <nlohmann/json.hpp>

namespace stack::oci {

void put(nlohmann::ordered_json& object, const char* key, nlohmann::ordered_json value) {
    const bool empty_text = value.is_string() && value.get_ref<const std::string&>().empty();
    if (!empty_text && !value.empty()) object[key] = std::move(value);
}

void put_nonzero(nlohmann::ordered_json& object, const char* key, nlohmann::ordered_json value) {
    if (value != 0 && value != false) object[key] = std::move(value);
}

}  // namespace stack::oci
