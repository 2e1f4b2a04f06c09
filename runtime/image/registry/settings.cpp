#include "runtime/image/registry/settings.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/registry/certificates.hpp"
#include "runtime/image/registry/credential_search.hpp"

#include <utility>

#include <fmt/format.h>

namespace stack::registry {

namespace {

void add_mirror(RegistrySettings& settings, const std::string& value) {
    const std::size_t equals = value.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == value.size())
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not REGISTRY=URL", value)};
    settings.rules.mirrors[value.substr(0, equals)].push_back(value.substr(equals + 1));
}

void set_timeout(RegistrySettings& settings, const std::string& value) {
    constexpr long long kLongest = 24 * 3600;
    const auto seconds = parse_int(value);
    if (!seconds || *seconds < 1 || *seconds > kLongest)
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not a number of seconds", value)};
    settings.silence = std::chrono::seconds{*seconds};
}

// In lower case first, as curl reads them; HTTP_PROXY in upper case is left out where CGI could have made it of a
// client's header (CVE-2016-5385).
ProxySettings proxies_of(const Environment& environment) {
    const auto either = [&](const char* lower, const char* upper) {
        std::string value = environment(lower);
        return value.empty() ? environment(upper) : value;
    };
    ProxySettings result;
    const bool cgi = !environment("REQUEST_METHOD").empty();
    result.http = cgi ? environment("http_proxy") : either("http_proxy", "HTTP_PROXY");
    result.https = either("https_proxy", "HTTPS_PROXY");
    const std::string all = either("all_proxy", "ALL_PROXY");
    if (result.http.empty()) result.http = all;
    if (result.https.empty()) result.https = all;
    result.no_proxy = either("no_proxy", "NO_PROXY");
    return result;
}

// Names under which certificates may be kept: the one people write, and the host that answers.
std::vector<std::string> hosts_of(const Endpoint& endpoint) {
    std::vector<std::string> hosts{endpoint.name};
    const std::string& origin = endpoint.origins.front();
    if (std::string host = origin.substr(origin.find("//") + 2); host != endpoint.name)
        hosts.push_back(std::move(host));
    return hosts;
}

bool speaks_tls(const Endpoint& endpoint) {
    for (const std::string& origin : endpoint.origins)
        if (origin.starts_with("https:")) return true;
    return false;
}

}  // namespace

std::vector<image::WorkerFlag> registry_flags(RegistrySettings& settings) {
    return {{"--config-dir", [&](const std::string& value) { settings.config_dir = value; }},
            {"--mirror", [&](const std::string& value) { add_mirror(settings, value); }},
            {"--insecure", [&](const std::string& value) { settings.rules.insecure.insert(value); }},
            {"--timeout", [&](const std::string& value) { set_timeout(settings, value); }}};
}

FetcherPlan plan_fetcher(const RegistrySettings& settings, const std::string& registry,
                         const std::string& repository, const Environment& environment) {
    FetcherPlan plan;
    plan.registry = registry;
    plan.limits.silence = settings.silence;
    plan.proxies = proxies_of(environment);
    plan.endpoints = endpoints_of(registry, repository, settings.rules);
    const std::vector<std::string> folders = certificate_folders(settings.config_dir, environment);
    const std::string authorities = system_authorities(environment);
    for (Endpoint& endpoint : plan.endpoints) {
        endpoint.credentials =
            find_credentials(endpoint.name, endpoint.repository, environment, plan.warnings);
        if (!speaks_tls(endpoint)) continue;
        endpoint.tls.authorities = authorities;
        for (const std::string& host : hosts_of(endpoint)) add_host_certificates(endpoint.tls, host, folders);
    }
    return plan;
}

}  // namespace stack::registry
