#include "runtime/image/registry_flags.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

void add_mirror(RegistryFlags& flags, const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not REGISTRY=URL", text)};
    flags.rules.mirrors[text.substr(0, equals)].push_back(text.substr(equals + 1));
}

void set_timeout(RegistryFlags& flags, const std::string& text) {
    constexpr long long kLongest = 24 * 3600;
    const auto seconds = parse_int(text);
    if (!seconds || *seconds < 1 || *seconds > kLongest)
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not a number of seconds", text)};
    flags.limits.silence = std::chrono::seconds{*seconds};
}

}  // namespace

std::vector<WorkerFlag> with_registry_flags(std::vector<WorkerFlag> own, RegistryFlags& flags) {
    using Text = const std::string&;
    own.push_back({"--config-dir", [&flags](Text value) { flags.config_dir = value; }});
    own.push_back({"--mirror", [&flags](Text value) { add_mirror(flags, value); }});
    own.push_back({"--insecure", [&flags](Text value) { flags.rules.insecure.insert(value); }});
    own.push_back({"--timeout", [&flags](Text value) { set_timeout(flags, value); }});
    return own;
}

registry::FetcherPlan plan_fetcher(const RegistryFlags& flags, const std::string& registry,
                                   const std::string& repository) {
    registry::FetcherPlan plan;
    plan.registry = registry;
    plan.endpoints = registry::endpoints_of(registry, repository, flags.rules);
    plan.limits = flags.limits;
    return plan;
}

}  // namespace stack::image
