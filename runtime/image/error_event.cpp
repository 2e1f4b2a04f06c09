#include "runtime/image/error_event.hpp"

#include "runtime/image/json_fields.hpp"

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace stack::image {

using nlohmann::json;

json error_event(const Error& error) {
    json event = {{"event", "error"}, {"kind", kind_name(error.kind())}, {"message", error.message()}};
    if (const auto context = error.context(); !context.empty()) event["context"] = context;
    if (!error.hint().empty()) event["hint"] = error.hint();
    return event;
}

Error error_of_event(const json& event) {
    Error error{kind_from_name(json_fields::string(event, "kind")), json_fields::string(event, "message")};
    const std::vector<std::string> context = json_fields::strings(event, "context");
    for (auto it = context.rbegin(); it != context.rend(); ++it) error.add_context(*it);
    if (std::string hint = json_fields::string(event, "hint"); !hint.empty())
        error.with_hint(std::move(hint));
    return error;
}

}  // namespace stack::image
