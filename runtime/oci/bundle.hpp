// What the command line and the environment add to a bundle's configuration before a container is made from it.
#pragma once

#include "runtime/oci/config_reader.hpp"
#include "runtime/oci/new_container.hpp"

#include <string>

namespace stack::oci {

/// An absolute form of a path, links resolved. Throws Error(not_found).
std::string absolute_directory(const std::string& path);

struct BundleConfig {
    OciConfig config;  ///< with paths made absolute
    std::string text;  ///< as it was read
};
/// Throws Error: a missing file, whatever read_config finds, a root that isn't there (which in a mount namespace that is joined
/// is found out later).
BundleConfig read_bundle(const CreateOptions& options, const std::string& bundle);

/// runc's rules of who may have a terminal from where. Throws Error(invalid_input).
void check_console(const ProcessSpec& process, const std::string& console_socket, bool detached);

/// Ambient capabilities have to be permitted and inheritable, capabilities(7): what is not is left out, with a warning, as
/// runc has it (its own `spec` used to write such a set).
void drop_impossible_ambient(CapabilitySets& sets, std::vector<std::string>& warnings);

/// `LISTEN_FDS` of our environment, if meant for us: that many descriptors more, and its variables for the container.
int pass_on_listen_fds(ProcessSpec& process);

/// Closes everything above the preserved descriptors; call before anything is opened. Throws Error(invalid_input) when one
/// that is to be preserved is not open.
void keep_descriptors(int preserved);

/// How many LISTEN_FDS promises; 0 when it is not meant for us.
int listen_fds();

}  // namespace stack::oci
