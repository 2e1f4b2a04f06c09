// `blockIO` of a ResourceSpec as files: io.* on v2 (cgroup-v2.rst, "IO Interface Files"), blkio.* on v1
// (cgroup-v1/blkio-controller.rst), and io.bfq.weight or blkio.bfq.weight where the BFQ scheduler is there
// (block/bfq-iosched.rst). Pure.
#include "runtime/base/error.hpp"
#include "runtime/cgroup_plan.hpp"

#include <fmt/format.h>

namespace stack {

namespace {

using Missing = CgroupWrite::Missing;

std::uint16_t checked_weight(std::uint64_t weight, const char* limit) {
    if (weight < 10 || weight > 1000)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("{} is {}, but goes from 10 to 1000", limit, weight)};
    return static_cast<std::uint16_t>(weight);
}

std::string device_name(const BlockDeviceValue& device) {
    return fmt::format("{}:{}", device.major, device.minor);
}

/// One of the four lists of rates: their names in the specification, on v2 and on v1.
struct RateList {
    const std::vector<BlockDeviceValue> BlockIoSpec::*list;
    const char* limit;
    const char* v2_key;
    const char* v1_file;
};
constexpr RateList kRateLists[] = {
    {&BlockIoSpec::read_bps, "blockIO.throttleReadBpsDevice", "rbps", "blkio.throttle.read_bps_device"},
    {&BlockIoSpec::write_bps, "blockIO.throttleWriteBpsDevice", "wbps", "blkio.throttle.write_bps_device"},
    {&BlockIoSpec::read_iops, "blockIO.throttleReadIOPSDevice", "riops", "blkio.throttle.read_iops_device"},
    {&BlockIoSpec::write_iops, "blockIO.throttleWriteIOPSDevice", "wiops",
     "blkio.throttle.write_iops_device"},
};

// Zero is "not set" in every weight of the specification.
bool weight_given(const std::optional<std::uint16_t>& weight) {
    return weight.value_or(0) != 0;
}

}  // namespace

std::uint64_t io_weight_of_blkio(std::uint16_t weight) {
    return 1 + (std::uint64_t{weight} - 10) * 9999 / 990;
}

std::vector<CgroupWrite> v2_block_io_writes(const BlockIoSpec& block_io) {
    std::vector<CgroupWrite> writes;
    if (weight_given(block_io.weight)) {
        const std::uint16_t weight = checked_weight(*block_io.weight, "blockIO.weight");
        writes.push_back({"io", "io.bfq.weight", fmt::format("{}", weight), "blockIO.weight", Missing::refuse,
                          "io.weight", fmt::format("{}", io_weight_of_blkio(weight))});
    }
    if (weight_given(block_io.leaf_weight))  // v2 has no processes beside groups for it to mean anything
        writes.push_back({"io", "", fmt::format("{}", *block_io.leaf_weight), "blockIO.leafWeight"});
    for (const BlockDeviceValue& device : block_io.weight_devices) {
        const std::string name = device_name(device);
        if (device.value != 0) {
            const std::uint16_t weight = checked_weight(device.value, "blockIO.weightDevice");
            writes.push_back({"io", "io.bfq.weight", fmt::format("{} {}", name, weight),
                              "blockIO.weightDevice", Missing::refuse, "io.weight",
                              fmt::format("{} {}", name, io_weight_of_blkio(weight)), name,
                              name + " default"});
        }
        if (weight_given(device.leaf_weight))
            writes.push_back({"io", "", fmt::format("{} {}", name, *device.leaf_weight),
                              "blockIO.weightDevice.leafWeight"});
    }
    for (const RateList& rates : kRateLists)
        for (const BlockDeviceValue& device : block_io.*rates.list) {
            const std::string name = device_name(device);
            const std::string rate = device.value == 0 ? "max" : fmt::format("{}", device.value);
            writes.push_back({"io", "io.max", fmt::format("{} {}={}", name, rates.v2_key, rate), rates.limit,
                              Missing::refuse, "", "", name,
                              name + " rbps=max wbps=max riops=max wiops=max"});
        }
    return writes;
}

std::vector<CgroupWrite> v1_block_io_writes(const BlockIoSpec& block_io) {
    std::vector<CgroupWrite> writes;
    if (weight_given(block_io.weight)) {
        const std::string weight = fmt::format("{}", checked_weight(*block_io.weight, "blockIO.weight"));
        writes.push_back(
            {"blkio", "blkio.bfq.weight", weight, "blockIO.weight", Missing::refuse, "blkio.weight", weight});
    }
    if (weight_given(block_io.leaf_weight))
        writes.push_back({"blkio", "blkio.leaf_weight",
                          fmt::format("{}", checked_weight(*block_io.leaf_weight, "blockIO.leafWeight")),
                          "blockIO.leafWeight"});
    for (const BlockDeviceValue& device : block_io.weight_devices) {
        const std::string name = device_name(device);
        if (device.value != 0) {
            const std::string value =
                fmt::format("{} {}", name, checked_weight(device.value, "blockIO.weightDevice"));
            writes.push_back({"blkio", "blkio.bfq.weight_device", value, "blockIO.weightDevice",
                              Missing::refuse, "blkio.weight_device", value, name, name + " 0"});
        }
        if (weight_given(device.leaf_weight))
            writes.push_back(
                {"blkio", "blkio.leaf_weight_device",
                 fmt::format("{} {}", name,
                             checked_weight(*device.leaf_weight, "blockIO.weightDevice.leafWeight")),
                 "blockIO.weightDevice.leafWeight", Missing::refuse, "", "", name, name + " 0"});
    }
    for (const RateList& rates : kRateLists)
        for (const BlockDeviceValue& device : block_io.*rates.list) {
            const std::string name = device_name(device);
            writes.push_back({"blkio", rates.v1_file, fmt::format("{} {}", name, device.value), rates.limit,
                              Missing::refuse, "", "", name, name + " 0"});
        }
    return writes;
}

}  // namespace stack
