// Credentials as docker (config.json) and the tools of the containers project (auth.json) keep them: one format, with
// small differences (docker-login(1), containers-auth.json(5)). Pure.
#pragma once

#include "runtime/image/registry/fetcher_plan.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace stack::registry {

inline constexpr std::size_t kMaxAuthFile = 4u << 20;

class AuthFile {
  public:
    /// Throws Error(invalid_input). `path` is for messages.
    static AuthFile parse(std::string_view json, const std::string& path);

    /// The entry of the longest prefix of `registry/repository`; nullopt when there is none that holds a secret.
    /// Throws Error(invalid_input) for an entry that can't be read.
    [[nodiscard]] std::optional<Credentials> find(const std::string& registry,
                                                  const std::string& repository) const;
    /// The credential helper for a registry (`credHelpers`, else `credsStore`); empty when there is none.
    [[nodiscard]] std::string helper_for(const std::string& registry) const;

  private:
    struct Entry {
        Credentials credentials;
        std::string packed;  ///< `auth`: base64 of user:secret
    };
    [[nodiscard]] std::optional<Credentials> unpack(const std::string& key, const Entry& entry) const;

    std::string path_;
    std::map<std::string, Entry> entries_;        // by normal key
    std::map<std::string, std::string> helpers_;  // by registry
    std::string default_helper_;
};

/// `https://index.docker.io/v1/` for docker.io, otherwise the registry itself: the key that docker writes.
std::string auth_key(const std::string& registry);
/// The registry, and maybe a path, for which a key was written: without scheme and without `/v1/`.
std::string normal_auth_key(std::string_view key);

}  // namespace stack::registry
