#include "runtime/image/registry/endpoint.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/reference.hpp"

#include <arpa/inet.h>

#include <utility>

#include <fmt/format.h>

namespace stack::registry {

namespace {

Endpoint registry_endpoint(const std::string& registry, const std::string& repository, bool insecure) {
    Endpoint endpoint;
    endpoint.name = registry;
    endpoint.repository = repository;
    const std::string host = registry == "docker.io" ? "registry-1.docker.io" : registry;
    const std::string plain = "http://" + host, encrypted = "https://" + host;
    if (is_loopback(host)) {
        // Nobody listens between us and this machine. Plain first: a TLS server refuses that at once, while a plain
        // one may take the first bytes of TLS for a request that is still coming.
        endpoint.origins = {plain, encrypted};
    } else if (insecure) {
        endpoint.origins = {encrypted, plain};
    } else {
        endpoint.origins = {encrypted};
    }
    endpoint.plain_http = endpoint.origins.size() > 1;
    endpoint.tls.verify = !insecure;
    return endpoint;
}

[[noreturn]] void refuse_mirror(const std::string& url, std::string_view why) {
    throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not a mirror: {}", url, why)}.with_hint(
        "write it as https://host[:port][/path]");
}

Endpoint mirror_endpoint(const std::string& url, const std::string& repository,
                         const std::set<std::string>& insecure) {
    Endpoint endpoint;
    endpoint.plain_http = url.starts_with("http://");
    if (!endpoint.plain_http && !url.starts_with("https://"))
        refuse_mirror(url, "it is no http or https URL");
    const std::size_t start = url.find("//") + 2;
    const std::size_t slash = std::min(url.find('/', start), url.size());
    endpoint.name = url.substr(start, slash - start);
    std::string path = url.substr(slash);
    while (path.ends_with('/')) path.pop_back();
    endpoint.repository = path.empty() ? repository : path.substr(1) + '/' + repository;
    // With a port, even a name without a dot is read as a host.
    const std::size_t bracket = endpoint.name.find(']');
    const bool has_port =
        endpoint.name.find(':', bracket == std::string::npos ? 0 : bracket) != std::string::npos;
    const std::string host = has_port ? endpoint.name : endpoint.name + ":443";
    try {
        if (ImageReference::parse(host + '/' + endpoint.repository).repository != endpoint.repository)
            refuse_mirror(url, "its path can't be part of a repository's name");
    } catch (const Error& error) {
        refuse_mirror(url, error.message());
    }
    endpoint.origins = {url.substr(0, slash)};
    endpoint.tls.verify = !insecure.contains(endpoint.name);
    return endpoint;
}

}  // namespace

bool is_loopback(std::string_view host) {
    if (host == "[::1]" || host.starts_with("[::1]:")) return true;
    const std::string name{host.substr(0, host.find(':'))};
    in_addr address{};
    if (::inet_pton(AF_INET, name.c_str(), &address) == 1) return ntohl(address.s_addr) >> 24 == 127;
    return name == "localhost";
}

std::vector<Endpoint> endpoints_of(const std::string& registry, const std::string& repository,
                                   const EndpointRules& rules) {
    std::vector<Endpoint> result;
    if (const auto mirrors = rules.mirrors.find(registry); mirrors != rules.mirrors.end())
        for (const std::string& url : mirrors->second)
            result.push_back(mirror_endpoint(url, repository, rules.insecure));
    result.push_back(registry_endpoint(registry, repository, rules.insecure.contains(registry)));
    return result;
}

}  // namespace stack::registry
