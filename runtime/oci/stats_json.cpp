#include "runtime/oci/stats_json.hpp"

#include "runtime/oci/json_members.hpp"

#include <limits>

#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

using Json = nlohmann::ordered_json;

Json pressure_line_json(const PressureLine& line) {
    return {
        {"avg10", line.avg10}, {"avg60", line.avg60}, {"avg300", line.avg300}, {"total", line.total.count()}};
}

void put_pressure(Json& object, const std::optional<Pressure>& pressure) {
    if (!pressure) return;
    Json psi = Json::object();
    if (pressure->some) psi["some"] = pressure_line_json(*pressure->some);
    if (pressure->full) psi["full"] = pressure_line_json(*pressure->full);
    object["psi"] = std::move(psi);
}

Json nanoseconds_json(const std::vector<std::chrono::nanoseconds>& times) {
    Json list = Json::array();
    for (const auto time : times) list.push_back(time.count());
    return list;
}

Json cpu_json(const CpuStats& cpu) {
    constexpr std::chrono::nanoseconds kNone{};
    Json usage = Json::object();
    put_nonzero(usage, "total", cpu.total.value_or(kNone).count());
    put(usage, "percpu", nanoseconds_json(cpu.per_cpu));
    put(usage, "percpu_kernel", nanoseconds_json(cpu.per_cpu_kernel));
    put(usage, "percpu_user", nanoseconds_json(cpu.per_cpu_user));
    usage["kernel"] = cpu.kernel.value_or(kNone).count();
    usage["user"] = cpu.user.value_or(kNone).count();
    Json throttling = Json::object();
    put_nonzero(throttling, "periods", cpu.periods);
    put_nonzero(throttling, "throttledPeriods", cpu.throttled_periods);
    put_nonzero(throttling, "throttledTime", cpu.throttled_time.count());
    Json object{{"usage", std::move(usage)}, {"throttling", std::move(throttling)}};
    put_pressure(object, cpu.pressure);
    return object;
}

Json usage_json(const UsageStats& usage) {
    Json object{{"limit", usage.limit.value_or(std::numeric_limits<std::uint64_t>::max())}};
    put_nonzero(object, "usage", usage.usage);
    put_nonzero(object, "max", usage.max_usage);
    object["failcnt"] = usage.failures;
    return object;
}

Json memory_json(const MemoryStats& memory) {
    Json object = Json::object();
    put_nonzero(object, "cache", memory.cache);
    object["usage"] = usage_json(memory.memory);
    object["swap"] = usage_json(memory.swap);
    object["kernel"] = usage_json(memory.kernel);
    object["kernelTCP"] = usage_json(memory.kernel_tcp);
    put(object, "raw", Json(memory.raw));
    put_pressure(object, memory.pressure);
    return object;
}

Json pids_json(const PidsStats& pids) {
    Json object = Json::object();
    put_nonzero(object, "current", pids.current);
    put_nonzero(object, "limit", pids.limit.value_or(0));
    return object;
}

Json entries_json(const std::vector<BlockIoEntry>& entries) {
    Json list = Json::array();
    for (const BlockIoEntry& entry : entries) {
        Json object = Json::object();
        put_nonzero(object, "major", entry.major);
        put_nonzero(object, "minor", entry.minor);
        put(object, "op", entry.op);
        put_nonzero(object, "value", entry.value);
        list.push_back(std::move(object));
    }
    return list;
}

Json block_io_json(const BlockIoStats& io) {
    Json object = Json::object();
    put(object, "ioServiceBytesRecursive", entries_json(io.bytes));
    put(object, "ioServicedRecursive", entries_json(io.operations));
    put(object, "ioQueueRecursive", entries_json(io.queued));
    put(object, "ioServiceTimeRecursive", entries_json(io.service_time));
    put(object, "ioWaitTimeRecursive", entries_json(io.wait_time));
    put(object, "ioMergedRecursive", entries_json(io.merged));
    put(object, "ioTimeRecursive", entries_json(io.time));
    put(object, "sectorsRecursive", entries_json(io.sectors));
    put_pressure(object, io.pressure);
    return object;
}

Json hugepages_json(const std::map<std::string, UsageStats>& hugepages) {
    Json object = Json::object();
    for (const auto& [size, usage] : hugepages) {
        Json entry = Json::object();
        put_nonzero(entry, "usage", usage.usage);
        put_nonzero(entry, "max", usage.max_usage);
        entry["failcnt"] = usage.failures;
        object[size] = std::move(entry);
    }
    return object;
}

Json rdma_json(const RdmaStats& rdma) {
    const auto devices = [](const auto& counts) {
        Json list = Json::array();
        for (const auto& [device, values] : counts) {
            Json entry{{"device", device}};
            for (const auto& [key, value] : values)
                entry[key == "hca_handle" ? "hcaHandles" : "hcaObjects"] =
                    value.value_or(std::numeric_limits<std::uint32_t>::max());
            list.push_back(std::move(entry));
        }
        return list;
    };
    Json object = Json::object();
    put(object, "current", devices(rdma.current));
    put(object, "limit", devices(rdma.limit));
    return object;
}

}  // namespace

std::string stats_event(const std::string& id, const CgroupStats& stats) {
    Json cpuset = Json::object();
    put(cpuset, "cpus", stats.cpuset_cpus);
    put(cpuset, "mems", stats.cpuset_mems);
    Json data{{"cpu", cpu_json(stats.cpu)}, {"cpuset", std::move(cpuset)}};
    data["memory"] = stats.memory ? memory_json(*stats.memory) : Json::object();
    data["pids"] = stats.pids ? pids_json(*stats.pids) : Json::object();
    data["blkio"] = block_io_json(stats.block_io);
    data["hugetlb"] = hugepages_json(stats.hugepages);
    put(data, "rdma", rdma_json(stats.rdma));
    data["intel_rdt"] = Json::object();  // readers of runc's events look for these two
    data["network_interfaces"] = nullptr;
    return Json{{"type", "stats"}, {"id", id}, {"data", std::move(data)}}.dump();
}

std::string oom_event(const std::string& id) {
    return Json{{"type", "oom"}, {"id", id}}.dump();
}

}  // namespace stack::oci
