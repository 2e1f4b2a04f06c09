// Files of the Container Device Interface (CNCF CDI specification 1.1): what has to be put into a container so that it can use
// a device, written by the device's vendor. YAML or JSON; read as our own files are, so that errors have a place. Parsing
// only: which device is meant is cdi.hpp.
#pragma once

#include "runtime/container_spec.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::engine {

struct CdiDeviceNode {
    std::string path;       ///< in the container
    std::string host_path;  ///< where the node is looked at
    char type = 0;          ///< b, c, p; 0: as the host's node
    std::optional<std::int64_t> major, minor;
    std::optional<mode_t> mode;
    std::string permissions;  ///< of rwm
    std::optional<std::uint32_t> uid, gid;
    bool operator==(const CdiDeviceNode&) const = default;
};

/// `containerEdits`.
struct CdiEdits {
    std::vector<std::string> env;  ///< K=V
    std::vector<CdiDeviceNode> nodes;
    std::vector<MountSpec> mounts;
    HookSpecs hooks;
    std::vector<std::uint32_t> additional_gids;
    std::map<std::string, std::string> net_devices;
    bool operator==(const CdiEdits&) const = default;
};

struct CdiFile {
    std::string path;
    std::string kind;  ///< vendor/class
    CdiEdits edits;    ///< of every device of the file
    std::map<std::string, CdiEdits> devices;
};

/// A device's full name, `vendor.com/class=name`.
struct CdiName {
    std::string kind, device;
};
/// nullopt for what is no such name.
std::optional<CdiName> parse_cdi_name(std::string_view text);

/// Throws Error(invalid_input) at file:line:column for what the specification doesn't allow, Error(not_supported) for a
/// version or an edit that this program doesn't know: leaving one out would give a device that half works.
CdiFile parse_cdi_file(const std::string& text, const std::string& path);

}  // namespace stack::engine
