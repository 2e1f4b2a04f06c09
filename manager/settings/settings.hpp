// What a host or a user sets for this program once and for all, in YAML:
//
//     registries:
//       docker.io:
//         mirrors: [https://mirror.example, http://10.0.0.2:5000/cache]     # asked first, in this order
//       registry.lan:5000:
//         insecure: true                                                   # plain HTTP or unchecked TLS will do
//
// Read from /etc/stack/config.yaml and then ~/.config/stack/config.yaml, whose entries take the place of the host's.
// Credentials and certificates are not in here: they stay where docker and podman keep them.
#pragma once

#include "manager/compose/diagnostic.hpp"

#include <map>
#include <string>
#include <vector>

namespace stack::settings {

struct Registry {
    std::vector<std::string> mirrors;  ///< http:// or https:// addresses
    bool insecure = false;
    bool operator==(const Registry&) const = default;
};

struct Settings {
    std::map<std::string, Registry> registries;  ///< by HOST or HOST:PORT
    bool operator==(const Settings&) const = default;
};

struct Loaded {
    Settings settings;
    /// With an error among them the settings are not to be used: a typing error in a mirror's name would send what is
    /// asked to somebody else.
    std::vector<compose::Diagnostic> diagnostics;
    compose::SourceCache sources;
};

/// Files that do not exist say nothing. A later file's registry takes the place of an earlier one's.
Loaded load(const std::vector<std::string>& files);

/// ~/.config/stack or $XDG_CONFIG_HOME/stack; empty when neither is known.
std::string user_directory(const std::map<std::string, std::string>& environment);
/// The host's file and the user's.
std::vector<std::string> file_names(const std::map<std::string, std::string>& environment);

}  // namespace stack::settings
