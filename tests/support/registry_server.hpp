// Debian's docker-registry on a loopback port of its own, for one test: plain, with TLS, with passwords, or with
// tokens. Everything it stores is in the test's folder; it ends with the object.
#pragma once

#include "runtime/base/child_process.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stack::test {

struct RegistryOptions {
    /// PEM files; plain HTTP when empty. `client_authority`: who signs the client certificates that it demands.
    std::string certificate, key, client_authority;
    std::string user, password;  ///< one account (htpasswd); anybody when empty
    /// Bearer tokens: where they are had, who issues them, and the certificate they are checked with.
    std::string token_realm, token_issuer, token_certificate;
    /// Another registry that this one is a pull-through cache of.
    std::string proxy_of;
};

class RegistryServer {
  public:
    /// `folder` is made. Returns once it listens. Throws Error.
    explicit RegistryServer(std::string folder, RegistryOptions options = {});
    ~RegistryServer();
    RegistryServer(const RegistryServer&) = delete;
    RegistryServer& operator=(const RegistryServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    /// `127.0.0.1:PORT`, the first part of references to its images.
    [[nodiscard]] std::string host() const;

    /// Sends the image `tag` of an OCI layout by skopeo, as `repository:tag`. Throws Error.
    void push(const std::string& layout, const std::string& tag, const std::string& repository) const;
    /// Makes an image of one small file per text, and pushes it; the manifest's digest.
    [[nodiscard]] std::string push_files(const std::string& repository, const std::string& tag,
                                         const std::vector<std::string>& contents) const;

    /// Requests so far whose log line (`"GET /v2/app/manifests/1 HTTP/1.1" 200`) contains `text`.
    [[nodiscard]] std::size_t requests(std::string_view text) const;
    /// The whole log, for messages of failed expectations.
    [[nodiscard]] std::string log() const;

  private:
    [[nodiscard]] std::string configuration() const;
    void wait_until_it_listens();

    std::string folder_;
    RegistryOptions options_;
    ProcessHandle process_;
    std::uint16_t port_ = 0;
};

}  // namespace stack::test
