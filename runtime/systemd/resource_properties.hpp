// Limits as properties of a systemd scope. systemd owns the files of the scope's own cgroup and writes them again when it
// likes (daemon-reload, changes of neighbours), so what it can express must be told to it; the rest is written into the
// files beside it. Pure.
#pragma once

#include "runtime/cgroup_layout.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/systemd/property.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace stack::systemd {

/// What the names of device drivers are, from /proc/devices: ('c', 136) -> "pts".
using DriverNames = std::map<std::pair<char, std::int64_t>, std::string>;
DriverNames parse_driver_names(std::string_view proc_devices);

/// Without device rules. Which names are used depends on the version of cgroups that systemd itself uses.
/// Throws Error(invalid_input) for limits that contradict each other.
std::vector<Property> resource_properties(const ResourceSpec& resources, CgroupLayout::Mode mode);

/// `DevicePolicy` and `DeviceAllow` for the rules in force. Rules that systemd can't express (everything but …, a driver
/// that is not loaded) open its own filter; ours (a program, or the v1 controller's lines) is exact in any case.
std::vector<Property> device_properties(const std::vector<DeviceRule>& rules, const DriverNames& drivers);

/// Annotations `org.systemd.property.NAME`, whose values are GVariant texts: `true`, `'text'`, `uint64 5`, `['a.service']`.
/// Names ending in Sec are taken as seconds and passed on as NAME…USec. Throws Error(invalid_input) for a value of the wrong type,
/// Error(not_supported) for a property that is not on the list of harmless ones: others would run programs or take
/// limits away.
std::vector<Property> annotation_properties(const std::map<std::string, std::string>& annotations);

}  // namespace stack::systemd
