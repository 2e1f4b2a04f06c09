#include "runtime/systemd/request.hpp"

#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::systemd {

namespace {

using nlohmann::json;

constexpr std::pair<Request::Action, const char*> kActions[] = {
    {Request::Action::start, "start"}, {Request::Action::set, "set"}, {Request::Action::end, "end"}};

const char* name_of(Request::Action action) {
    return kActions[static_cast<std::size_t>(action)].second;
}

Request::Action action_of(const std::string& name) {
    for (const auto& [action, text] : kActions)
        if (name == text) return action;
    throw Error{ErrorKind::invalid_input, fmt::format("unknown action \"{}\"", name)};
}

// The alternative with this signature, with what `value` holds.
template <std::size_t Index = 0>
Property::Value value_of(const std::string& signature, const json& value) {
    if constexpr (Index == std::variant_size_v<Property::Value>) {
        throw Error{ErrorKind::invalid_input, fmt::format("unknown type \"{}\"", signature)};
    } else {
        using Held = std::variant_alternative_t<Index, Property::Value>;
        if (signature == signature_of(Property::Value{std::in_place_index<Index>}))
            return Property::Value{std::in_place_index<Index>, value.get<Held>()};
        return value_of<Index + 1>(signature, value);
    }
}

// What nlohmann throws is no Error.
template <class Work>
auto translated(const char* what, const Work& work) try {
    return work();
} catch (const json::exception& error) {
    throw Error{ErrorKind::invalid_input, fmt::format("{}: {}", what, error.what())};
}

}  // namespace

std::string request_text(const Request& request) {
    return translated("properties of a unit", [&] {
        json properties = json::array();
        for (const Property& property : request.properties) {
            json value = std::visit([](const auto& held) { return json(held); }, property.value);
            properties.push_back({property.name, signature_of(property.value), std::move(value)});
        }
        return json{{"action", name_of(request.action)},
                    {"unit", request.unit},
                    {"user", request.user},
                    {"properties", std::move(properties)}}
            .dump();
    });
}

Request parse_request(std::string_view text) {
    return translated("request", [&] {
        const json document = json::parse(text);
        Request request;
        request.action = action_of(document.at("action").get<std::string>());
        request.unit = document.at("unit").get<std::string>();
        request.user = document.at("user").get<bool>();
        for (const json& entry : document.at("properties"))
            request.properties.push_back(
                {entry.at(0).get<std::string>(), value_of(entry.at(1).get<std::string>(), entry.at(2))});
        return request;
    });
}

std::string failure_text(const Error& error) {
    return json{{"kind", kind_name(error.kind())}, {"message", error.message()}, {"hint", error.hint()}}.dump(
        -1, ' ', false, json::error_handler_t::replace);
}

Error parse_failure(std::string_view text) {
    return translated("answer", [&] {
        const json document = json::parse(text);
        Error error{kind_from_name(document.at("kind").get<std::string>()),
                    document.at("message").get<std::string>()};
        if (std::string hint = document.at("hint").get<std::string>(); !hint.empty())
            error.with_hint(std::move(hint));
        return error;
    });
}

}  // namespace stack::systemd
