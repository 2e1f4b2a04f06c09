// Limits of RDMA devices as cgroup files (Documentation/admin-guide/cgroup-v1/rdma.rst; v2 has the same file). Pure.
#include "runtime/base/error.hpp"
#include "runtime/cgroup_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack {

std::vector<CgroupWrite> rdma_writes(const std::map<std::string, RdmaLimit>& limits) {
    const auto text = [](const std::optional<std::uint32_t>& limit) {
        return limit ? fmt::format("{}", *limit) : std::string{"max"};
    };
    std::vector<CgroupWrite> writes;
    for (const auto& [device, limit] : limits) {
        const bool plain = !device.empty() && std::all_of(device.begin(), device.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '-' || c == '.';
        });
        if (!plain)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("rdma: \"{}\" is not the name of a device", device)};
        CgroupWrite write{"rdma", "rdma.max",
                          fmt::format("{} hca_handle={} hca_object={}", device, text(limit.hca_handles),
                                      text(limit.hca_objects)),
                          "rdma." + device};
        write.device = device;
        write.reset_value = device + " hca_handle=max hca_object=max";
        writes.push_back(std::move(write));
    }
    return writes;
}

}  // namespace stack
