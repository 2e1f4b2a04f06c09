// Whom TLS trusts, and who we are to it: the system's authorities, and those of a registry in `certs.d/HOST[:PORT]/` as
// docker and the containers project keep them (containers-certs.d(5)): `*.crt` are authorities, `NAME.cert` with
// `NAME.key` is a client certificate.
#pragma once

#include "runtime/image/registry/environment.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"

#include <string>
#include <vector>

namespace stack::registry {

/// Folders that may be called certs.d, in order: `config_dir` (ours), the user's, the system's.
std::vector<std::string> certificate_folders(const std::string& config_dir, const Environment& environment);

/// The system's authorities as PEM: $SSL_CERT_FILE, or the bundle of this distribution. Empty when there is none.
/// Throws Error when $SSL_CERT_FILE can't be read.
std::string system_authorities(const Environment& environment);

/// Adds what the folders hold for `host` to `tls`. The first client certificate counts. Throws Error that names a file
/// that can't be read, or a certificate without its key.
void add_host_certificates(TlsMaterial& tls, const std::string& host,
                           const std::vector<std::string>& folders);

}  // namespace stack::registry
