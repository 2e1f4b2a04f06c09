#include "runtime/oci/container_status.hpp"

#include "runtime/base/path_at.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/state_document.hpp"

namespace stack::oci {

std::string_view status_name(Status status) {
    switch (status) {
        case Status::creating:
            return "creating";
        case Status::created:
            return "created";
        case Status::running:
            return "running";
        case Status::paused:
            return "paused";
        case Status::stopped:
            break;
    }
    return "stopped";
}

std::optional<ProcessHandle> find_init(const ContainerRecord& record) {
    if (record.pid <= 0 || record.boot != boot_id()) return std::nullopt;
    std::optional<ProcessHandle> init = ProcessHandle::open(record.pid, record.start_time);
    if (!init || !init->alive()) return std::nullopt;
    return init;
}

Observed observe(const StateStore& store, const ContainerRecord& record, const CgroupLayout& layout) {
    Observed seen;
    seen.init = find_init(record);
    if (!seen.init) {
        if (record.pid == 0 && store.locked(record.id)) seen.status = Status::creating;
        return seen;
    }
    const std::optional<Cgroup> cgroup = find_cgroup(record, layout);
    if (!store.has(record.id, "config.json") && store.locked(record.id))
        seen.status = Status::creating;  // its hooks run, or its process sets itself up
    else if (cgroup && cgroup->frozen())
        seen.status = Status::paused;
    else
        seen.status = path_exists(store.file(record.id, "start.sock")) ? Status::created : Status::running;
    return seen;
}

std::string state_document(const ContainerRecord& record, Status status) {
    return state_text({.oci_version = record.oci_version,
                       .id = record.id,
                       .status = status_name(status),
                       .pid = status == Status::stopped ? 0 : record.pid,
                       .bundle = record.bundle,
                       .annotations = record.annotations});
}

}  // namespace stack::oci
