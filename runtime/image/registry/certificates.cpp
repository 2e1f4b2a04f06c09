#include "runtime/image/registry/certificates.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <array>
#include <optional>

#include <fmt/format.h>

namespace stack::registry {

namespace {

constexpr std::size_t kMaxPem = 8u << 20;

// Debian, Fedora, openSUSE, older Fedora, Alpine.
constexpr std::array kBundles{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                              "/etc/ssl/ca-bundle.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                              "/etc/ssl/cert.pem"};

std::string read_pem(const std::string& path) {
    return read_file(path, kMaxPem) + '\n';
}

void add_file(TlsMaterial& tls, const std::string& folder, const std::string& name) {
    const std::string path = folder + '/' + name;
    if (name.ends_with(".crt")) tls.authorities += read_pem(path);
    if (!name.ends_with(".cert") || !tls.client_certificate.empty()) return;
    const std::string key = path.substr(0, path.size() - 4) + "key";
    if (!path_exists(key))
        throw Error{ErrorKind::not_found, fmt::format("the client certificate '{}' has no key", path)}
            .with_hint(fmt::format("put the key into '{}'", key));
    tls.client_certificate = read_pem(path);
    tls.client_key = read_pem(key);
}

}  // namespace

std::vector<std::string> certificate_folders(const std::string& config_dir, const Environment& environment) {
    std::vector<std::string> folders;
    if (!config_dir.empty()) folders.push_back(config_dir + "/certs.d");
    if (const std::string config = config_home_of(environment); !config.empty())
        folders.push_back(config + "/containers/certs.d");
    if (const std::string home = home_of(environment); !home.empty())
        folders.push_back(home + "/.docker/certs.d");
    folders.insert(folders.end(), {"/etc/containers/certs.d", "/etc/docker/certs.d"});
    return folders;
}

std::string system_authorities(const Environment& environment) {
    if (const std::string file = environment("SSL_CERT_FILE"); !file.empty()) {
        try {
            return read_pem(file);
        } catch (Error& error) {
            throw std::move(error.add_context("read the authorities that SSL_CERT_FILE names"));
        }
    }
    for (const char* bundle : kBundles)
        if (std::optional<std::string> text = read_file_if_exists(bundle, kMaxPem)) return *text + '\n';
    return {};
}

void add_host_certificates(TlsMaterial& tls, const std::string& host,
                           const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) {
        const std::string of_host = folder + '/' + host;
        for (const std::string& name : list_directory(of_host)) add_file(tls, of_host, name);
    }
}

}  // namespace stack::registry
