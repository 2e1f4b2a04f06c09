#include "runtime/cgroup_values.hpp"

#include "runtime/base/error.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace stack {

MemoryLimits memory_limits(const ResourceSpec& resources) {
    const auto given = [](const std::optional<std::int64_t>& value) { return value && *value != 0; };
    MemoryLimits result;
    if (given(resources.memory_reservation_bytes)) result.reservation = resources.memory_reservation_bytes;
    const bool swap = given(resources.memory_swap_bytes);
    if (!given(resources.memory_limit_bytes)) {
        if (swap && *resources.memory_swap_bytes > 0)
            throw Error{ErrorKind::invalid_input, "a limit of memory plus swap needs a limit of memory"};
        return result;
    }
    const std::int64_t limit = *resources.memory_limit_bytes;
    result.limit = limit;
    if (limit < 0) {
        if (swap && *resources.memory_swap_bytes > 0)
            throw Error{ErrorKind::invalid_input, "a limit of memory plus swap needs a limit of memory"};
        result.limit_with_swap = -1;
    } else if (swap) {
        if (*resources.memory_swap_bytes > 0 && *resources.memory_swap_bytes < limit)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("the limit of memory plus swap ({}) is below the limit of memory ({})",
                                    *resources.memory_swap_bytes, limit)};
        result.limit_with_swap = std::max<std::int64_t>(*resources.memory_swap_bytes, -1);
    } else {
        result.limit_with_swap = limit > std::numeric_limits<std::int64_t>::max() / 2 ? -1 : 2 * limit;
    }
    return result;
}

void check_ranges(const ResourceSpec& resources) {
    const auto refuse = [](std::string what) { throw Error{ErrorKind::invalid_input, std::move(what)}; };
    if (resources.memory_swappiness.value_or(0) > 100)
        refuse(fmt::format("memory.swappiness is {}, but goes from 0 to 100", *resources.memory_swappiness));
    // The kernel would make these 2 and 262144 without a word; 0 is "not set".
    if (resources.cpu_shares == 1) refuse("the minimum allowed cpu-shares is 2 (cpu.shares is 1)");
    if (resources.cpu_shares.value_or(0) > 262144)
        refuse(fmt::format("the maximum allowed cpu-shares is 262144 (cpu.shares is {})",
                           *resources.cpu_shares));
    if (const std::int64_t idle = resources.cpu_idle.value_or(0); idle != 0 && idle != 1)
        refuse(fmt::format("cpu.idle is {}, but may be 0 or 1", idle));
    for (const HugepageLimit& huge : resources.hugepages) {
        const std::string& size = huge.page_size;
        const std::size_t digits = size.find_first_not_of("0123456789");
        const bool good =
            digits != std::string::npos && digits > 0 && size[0] != '0' &&
            (size.substr(digits) == "KB" || size.substr(digits) == "MB" || size.substr(digits) == "GB");
        if (!good)
            refuse(fmt::format("hugepageLimits: '{}' is not a page size as the kernel writes it (2MB, 1GB)",
                               size));
    }
}

}  // namespace stack
