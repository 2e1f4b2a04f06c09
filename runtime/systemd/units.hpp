// Transient units, through the program `stack-systemd`: it alone speaks D-Bus and loads libsystemd, so that programs that
// start containers need not be able to load anything. Each call runs it once and blocks until systemd is done, 75 s at most.
#pragma once

#include "runtime/systemd/property.hpp"

#include <string>
#include <vector>

namespace stack::systemd {

/// Whom to ask, and how.
struct Bus {
    std::string program;  ///< path of stack-systemd
    bool user = false;    ///< the caller's own manager instead of the system's
};

/// Makes a transient unit and waits until it is there; a failed one of the same name is forgotten first. Throws Error:
/// already_exists, permission, timeout, not_supported without systemd, and failed with systemd's own words.
void start_unit(const Bus& bus, const std::string& unit, const std::vector<Property>& properties);
/// Until the next boot only, as befits a transient unit. Throws Error.
void set_unit_properties(const Bus& bus, const std::string& unit, const std::vector<Property>& properties);
/// Ends all processes of the unit, waits until it is gone, and forgets it; one that isn't there is fine. Throws Error.
void end_unit(const Bus& bus, const std::string& unit);

}  // namespace stack::systemd
