#include "manager/engine/service_devices.hpp"

#include "manager/engine/cdi.hpp"
#include "manager/plan/blame.hpp"
#include "runtime/base/error.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::engine {

namespace {

bool is_cdi_grant(const compose::DeviceGrant& grant) {
    return !grant.source.starts_with('/');
}

// Docker's drivers by the kind that their vendors write; any other is a kind itself.
std::string kind_of(const std::string& driver) {
    if (driver.empty() || driver == "nvidia") return "nvidia.com/gpu";
    return driver == "amd" ? "amd.com/gpu" : driver;
}

std::vector<std::string> names_of(const compose::DeviceRequest& request, const CdiDevices& devices) {
    if (request.driver == "cdi") return request.device_ids;
    const std::string kind = kind_of(request.driver);
    if (request.device_ids.empty()) return devices.choose(kind, request.count);
    std::vector<std::string> names;
    for (const std::string& id : request.device_ids) names.push_back(fmt::format("{}={}", kind, id));
    return names;
}

// A fault in a specification keeps its own place.
template <class Ask>
void ask(const compose::Position& position, Ask question) {
    try {
        question();
    } catch (Error& error) {
        if (error.position()) throw;
        throw plan::blame(std::move(error), position);
    }
}

}  // namespace

CdiEdits device_edits(const compose::Service& service, const std::vector<std::string>& cdi_directories) {
    const bool has_grants = std::any_of(service.devices.begin(), service.devices.end(), is_cdi_grant);
    if (!has_grants && service.device_requests.empty()) return {};
    const CdiDevices devices{cdi_directories};
    std::vector<std::string> names;
    // Each by itself first, so that the entry that is wrong is the one that is blamed.
    const auto take = [&](const std::vector<std::string>& wanted) {
        static_cast<void>(devices.edits_of(wanted));
        names.insert(names.end(), wanted.begin(), wanted.end());
    };
    for (const compose::DeviceGrant& grant : service.devices)
        if (is_cdi_grant(grant)) ask(grant.position, [&] { take({grant.source}); });
    for (const compose::DeviceRequest& request : service.device_requests)
        ask(request.position, [&] { take(names_of(request, devices)); });
    return devices.edits_of(names);
}

}  // namespace stack::engine
