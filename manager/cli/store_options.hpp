// What the user asked for of disk space and volumes, as values. Part of options.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace stack::cli {

/// `stack df`
struct DfCommand {
    bool verbose = false;
    std::string format = "table";
    bool operator==(const DfCommand&) const = default;
};
/// `stack gc`
struct GcCommand {
    std::optional<std::uint64_t> keep_bytes;
    bool operator==(const GcCommand&) const = default;
};

struct VolumeLsCommand {
    std::string format = "table";
    bool quiet = false;
    std::vector<std::string> filters;
    bool operator==(const VolumeLsCommand&) const = default;
};
struct VolumeInspectCommand {
    std::vector<std::string> names;
    bool operator==(const VolumeInspectCommand&) const = default;
};
struct VolumeCreateCommand {
    std::string name;  ///< empty: one is made up
    std::vector<std::string> labels;
    bool operator==(const VolumeCreateCommand&) const = default;
};
struct VolumeRmCommand {
    std::vector<std::string> names;
    bool force = false;
    bool operator==(const VolumeRmCommand&) const = default;
};
struct VolumePruneCommand {
    bool all = false, force = false;
    std::vector<std::string> filters;
    bool operator==(const VolumePruneCommand&) const = default;
};
using VolumeCommand = std::variant<VolumeLsCommand, VolumeInspectCommand, VolumeCreateCommand,
                                   VolumeRmCommand, VolumePruneCommand>;

/// `stack volumes`: those of a project.
struct VolumesCommand {
    std::vector<std::string> services;
    std::string format = "table";
    bool quiet = false;
    bool operator==(const VolumesCommand&) const = default;
};

}  // namespace stack::cli
