// The two halves of `collect_stats`: one for each version of cgroups. Part of the cgroup implementation.
#pragma once

#include "runtime/cgroup_stats.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace stack::cgroup_stats {

using Numbers = std::map<std::string, std::uint64_t>;

/// `key number` lines; others are left out.
Numbers flat_keyed(const std::optional<std::string>& text);
std::uint64_t number_of(const Numbers& numbers, const std::string& key);
/// The one number of a file; 0 when it isn't there or isn't a number.
std::uint64_t number_in(const CgroupStatFiles& files, std::string_view controller, const std::string& file);
/// A limit: nullopt for "max" and for the huge numbers that v1 writes instead.
std::optional<std::uint64_t> limit_in(const CgroupStatFiles& files, std::string_view controller,
                                      const std::string& file);

void add_cpu_v1(const CgroupStatFiles& files, CpuStats& cpu);
void add_cpu_v2(const CgroupStatFiles& files, CpuStats& cpu);
std::optional<MemoryStats> memory_v1(const CgroupStatFiles& files);
std::optional<MemoryStats> memory_v2(const CgroupStatFiles& files);
BlockIoStats block_io_v1(const CgroupStatFiles& files);
BlockIoStats block_io_v2(const CgroupStatFiles& files);

}  // namespace stack::cgroup_stats
