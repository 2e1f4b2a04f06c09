// The few calls of org.freedesktop.systemd1.Manager(5) that a container runtime makes, over the system's or the user's
// bus. libsystemd is loaded when the first one is made, and nothing is linked with it: hosts without systemd don't have
// it. Blocking, from one thread.
#pragma once

#include "runtime/systemd/property.hpp"

#include <memory>
#include <string>
#include <vector>

namespace stack::systemd {

class Manager {
  public:
    /// Throws Error(not_supported) where there is no libsystemd or no such bus, Error(permission).
    explicit Manager(bool user);
    ~Manager();
    Manager(Manager&&) noexcept;
    Manager& operator=(Manager&&) noexcept;

    /// Makes a transient unit and waits until it is there, 30 s at most. Throws Error: already_exists, timeout, and
    /// failed with systemd's own words.
    void start_transient_unit(const std::string& unit, const std::vector<Property>& properties);
    /// Until the next boot only, as befits a transient unit. Throws Error.
    void set_properties(const std::string& unit, const std::vector<Property>& properties);
    /// Ends all processes of the unit and waits until it is gone; one that isn't there is fine. Throws Error.
    void stop_unit(const std::string& unit);
    /// Forgets a failed unit, so that its name is free again; one that isn't there is fine. Throws Error.
    void reset_failed(const std::string& unit);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace stack::systemd
