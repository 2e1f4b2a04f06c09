// `cgroup_parent`: control groups of the user's below which containers lie, and who made them. One that was there before
// belongs to whoever made it; one that is missing is made here, on record first, and goes when nothing is in it any more.
//
//     RUN_ROOT/.cgroup-parents        directories made here, one a line; gone at reboot, as control groups are
//                    .cgroup-parents.lock
#pragma once

#include "runtime/base/file_lock.hpp"
#include "runtime/cgroup_layout.hpp"
#include "runtime/systemd/units.hpp"

#include <string>
#include <utility>
#include <vector>

namespace stack::engine {

/// Where a container's group lies: `<parent>/<id>`, or, where systemd rules, a scope of its own in a slice.
struct CgroupPlace {
    std::string parent;  ///< below the hierarchies' roots: /stack/shop, /agents, /a.slice/a-b.slice
    std::string scope;   ///< the scope's name; empty: a plain group
    bool operator==(const CgroupPlace&) const = default;
};
/// For a service's `cgroup_parent` (empty: none) and the group of its project. Pure. Throws Error(invalid_input) for anything but
/// a slice where the project is a scope of systemd.
CgroupPlace cgroup_place(const std::string& wanted, const std::string& project_group, const std::string& id);

class CgroupParents {
  public:
    CgroupParents(const std::string& run_root, CgroupLayout layout, systemd::Bus bus)
        : file_{run_root + "/.cgroup-parents"}, layout_{std::move(layout)}, bus_{std::move(bus)} {}

    /// Makes what is missing in each hierarchy of the group in which the place is; slices only go on record, as systemd makes
    /// them for a scope. Nobody takes it away as long as the lock is held: until the container's group is in it. Blocks.
    /// Throws Error.
    [[nodiscard]] FileLock make(const CgroupPlace& place) const;
    /// Takes away what `make` has made for the place and is empty. Blocks. Throws Error.
    void remove_empty(const CgroupPlace& place) const;

  private:
    [[nodiscard]] std::vector<std::string> made() const;
    void note(const std::vector<std::string>& directories) const;
    /// The directories from the topmost part of `parent` down, in each hierarchy.
    [[nodiscard]] std::vector<std::string> directories(const std::string& parent) const;

    std::string file_;
    CgroupLayout layout_;
    systemd::Bus bus_;
};

}  // namespace stack::engine
