// Credential helpers: programs `docker-credential-NAME` that keep secrets in a key ring
// (docker/docker-credential-helpers, "Development"). They are run by whoever reads the configuration, never by the
// fetcher.
#pragma once

#include "runtime/image/registry/environment.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"

#include <optional>
#include <string>

namespace stack::registry {

class CredentialHelper {
  public:
    /// Finds the program in the absolute folders of $PATH. Throws Error(invalid_input) for a name that could be a
    /// path, Error(not_found) when there is no such program.
    CredentialHelper(const std::string& name, const Environment& environment);

    /// nullopt when it knows none for this key. Throws Error when it fails or takes longer than a minute.
    [[nodiscard]] std::optional<Credentials> get(const std::string& key) const;
    void store(const std::string& key, const Credentials& credentials) const;
    void erase(const std::string& key) const;

  private:
    [[nodiscard]] std::string run(const char* verb, const std::string& input, bool& not_found) const;
    std::string program_;
};

}  // namespace stack::registry
