// Performs the writes that cgroup_plan.hpp decides on. Part of the cgroup implementation.
#pragma once

#include "runtime/base/undo.hpp"
#include "runtime/cgroup_plan.hpp"

#include <functional>
#include <vector>

namespace stack::cgroup_limits {

/// The directory of a controller, -1 where the group has none. Must outlive the `Undo` given beside it.
using DirectoryOf = std::function<int(const std::string& controller)>;

/// All writes, in order. One that is refused is tried once more after the others: raising memory and memory+swap of a
/// living group needs the opposite order of lowering them. With `undo`, the values that were there before are pushed
/// onto it. Throws Error(not_supported, permission) naming the limit.
void perform(const std::vector<CgroupWrite>& writes, const DirectoryOf& directory_of, Undo* undo = nullptr);

/// Gives the v1 devices controller these rules; for `undo` see above. Throws Error.
void set_v1_devices(int directory, const std::vector<DeviceRule>& rules, Undo* undo = nullptr);

}  // namespace stack::cgroup_limits
