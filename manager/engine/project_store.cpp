#include "manager/engine/project_store.hpp"

#include "manager/compose/model_json.hpp"
#include "manager/engine/volume_store.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/keeper/keeper_client.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::engine {

using nlohmann::json;

namespace {

constexpr int kVersion = 1;

json endpoint_to_json(const network::EndpointSpec& e) {
    return {{"network", e.network}, {"interface", e.interface},
            {"ip", e.ip},           {"prefix_length", e.prefix_length},
            {"gateway", e.gateway}, {"mac", e.mac},
            {"names", e.names}};
}

network::EndpointSpec endpoint_from_json(const json& j) {
    network::EndpointSpec e;
    j.at("network").get_to(e.network);
    j.at("interface").get_to(e.interface);
    j.at("ip").get_to(e.ip);
    j.at("prefix_length").get_to(e.prefix_length);
    j.at("gateway").get_to(e.gateway);
    j.at("mac").get_to(e.mac);
    j.at("names").get_to(e.names);
    return e;
}

json port_to_json(const network::PublishedPort& p) {
    return {{"host_ip", p.host_ip},
            {"host_port", p.host_port},
            {"protocol", p.protocol},
            {"container_port", p.container_port}};
}

network::PublishedPort port_from_json(const json& j) {
    network::PublishedPort p;
    j.at("host_ip").get_to(p.host_ip);
    j.at("host_port").get_to(p.host_port);
    j.at("protocol").get_to(p.protocol);
    j.at("container_port").get_to(p.container_port);
    return p;
}

json mount_to_json(const MountRecord& m) {
    return {{"target", m.target},           {"host_path", m.host_path}, {"volume_name", m.volume_name},
            {"anonymous", m.anonymous},     {"read_only", m.read_only}, {"nocopy", m.nocopy},
            {"propagation", m.propagation}, {"origin", m.origin}};
}

MountRecord mount_from_json(const json& j) {
    MountRecord m;
    j.at("target").get_to(m.target);
    j.at("host_path").get_to(m.host_path);
    j.at("volume_name").get_to(m.volume_name);
    j.at("anonymous").get_to(m.anonymous);
    j.at("read_only").get_to(m.read_only);
    j.at("nocopy").get_to(m.nocopy);
    j.at("propagation").get_to(m.propagation);
    j.at("origin").get_to(m.origin);
    return m;
}

json ids_to_json(const std::optional<ContainerIds>& ids) {
    if (!ids) return nullptr;
    return {{"uid_first", ids->uid_first}, {"gid_first", ids->gid_first}, {"size", ids->size}};
}

std::optional<ContainerIds> ids_from_json(const json& j) {
    if (j.is_null()) return std::nullopt;
    ContainerIds ids;
    j.at("uid_first").get_to(ids.uid_first);
    j.at("gid_first").get_to(ids.gid_first);
    j.at("size").get_to(ids.size);
    return ids;
}

template <class T, class Convert>
json list_to_json(const std::vector<T>& values, Convert convert) {
    json result = json::array();
    for (const T& value : values) result.push_back(convert(value));
    return result;
}

template <class Convert>
auto list_from_json(const json& values, Convert convert) {
    std::vector<decltype(convert(values))> result;
    for (const json& value : values) result.push_back(convert(value));
    return result;
}

json record_to_json(const ContainerRecord& r) {
    return {{"version", kVersion},
            {"id", r.id},
            {"name", r.name},
            {"project", r.project},
            {"service_name", r.service_name},
            {"number", r.number},
            {"oneoff", r.oneoff},
            {"service", compose::to_json(r.service)},
            {"image_reference", r.image_reference},
            {"image_digest", r.image_digest},
            {"config_hash", r.config_hash},
            {"labels", r.labels},
            {"endpoints", list_to_json(r.endpoints, endpoint_to_json)},
            {"ports", list_to_json(r.ports, port_to_json)},
            {"mounts", list_to_json(r.mounts, mount_to_json)},
            {"ids", ids_to_json(r.ids)},
            {"command", r.command},
            {"cgroup_parent", r.cgroup_parent},
            {"cgroup_scope", r.cgroup_scope},
            {"created_ns", r.created_ns}};
}

ContainerRecord record_from_json(const json& j) {
    if (j.at("version").get<int>() != kVersion)
        throw Error{ErrorKind::not_supported, "the record was written by another version of stack"};
    ContainerRecord r;
    j.at("id").get_to(r.id);
    j.at("name").get_to(r.name);
    j.at("project").get_to(r.project);
    j.at("service_name").get_to(r.service_name);
    j.at("number").get_to(r.number);
    j.at("oneoff").get_to(r.oneoff);
    r.service = compose::service_from_json(j.at("service"));
    j.at("image_reference").get_to(r.image_reference);
    j.at("image_digest").get_to(r.image_digest);
    j.at("config_hash").get_to(r.config_hash);
    j.at("labels").get_to(r.labels);
    r.endpoints = list_from_json(j.at("endpoints"), endpoint_from_json);
    r.ports = list_from_json(j.at("ports"), port_from_json);
    r.mounts = list_from_json(j.at("mounts"), mount_from_json);
    r.ids = ids_from_json(j.value("ids", json{}));  // records of old have none
    j.at("command").get_to(r.command);
    r.cgroup_parent = j.value("cgroup_parent", "/stack/" + r.project);  // records of old have none
    r.cgroup_scope = j.value("cgroup_scope", "");
    j.at("created_ns").get_to(r.created_ns);
    return r;
}

constexpr std::array kStatuses{plan::ContainerStatus::created, plan::ContainerStatus::running,
                               plan::ContainerStatus::paused,  plan::ContainerStatus::restarting,
                               plan::ContainerStatus::exited,  plan::ContainerStatus::dead};

json state_to_json(const ContainerState& s) {
    return {{"version", kVersion},
            {"status", plan::status_word(s.status)},
            {"pid", s.pid},
            {"start_time", s.start_time},
            {"boot", s.boot},
            {"started_ns", s.started_ns},
            {"finished_ns", s.finished_ns},
            {"exit_code", s.exit_code},
            {"oom_killed", s.oom_killed},
            {"stopped_by_user", s.stopped_by_user},
            {"health", s.health},
            {"restarts", s.restarts},
            {"error", s.error}};
}

ContainerState state_from_json(const json& j) {
    ContainerState s;
    const std::string status = j.at("status").get<std::string>();
    for (const plan::ContainerStatus candidate : kStatuses)
        if (status == plan::status_word(candidate)) s.status = candidate;
    j.at("pid").get_to(s.pid);
    j.at("start_time").get_to(s.start_time);
    j.at("boot").get_to(s.boot);
    j.at("started_ns").get_to(s.started_ns);
    j.at("finished_ns").get_to(s.finished_ns);
    j.at("exit_code").get_to(s.exit_code);
    j.at("oom_killed").get_to(s.oom_killed);
    j.at("stopped_by_user").get_to(s.stopped_by_user);
    j.at("health").get_to(s.health);
    j.at("restarts").get_to(s.restarts);
    j.at("error").get_to(s.error);
    return s;
}

const char* condition_word(compose::DependencyCondition condition) {
    switch (condition) {
        case compose::DependencyCondition::service_started:
            return "service_started";
        case compose::DependencyCondition::service_healthy:
            return "service_healthy";
        case compose::DependencyCondition::service_completed_successfully:
            return "service_completed_successfully";
    }
    return "service_started";
}

bool is_live(plan::ContainerStatus status) {
    return status == plan::ContainerStatus::running || status == plan::ContainerStatus::paused ||
           status == plan::ContainerStatus::restarting;
}

// Where records say "running" but nobody watches, the truth is the process and, after it, the exit journal.
void settle(ContainerState& state, const std::string& boot, const std::vector<ExitRecord>& exits) {
    if (!is_live(state.status)) return;
    if (state.pid > 0 && state.boot == boot && ProcessHandle::open(state.pid, state.start_time)) return;
    if (state.status == plan::ContainerStatus::restarting && state.pid == 0 && state.boot == boot) return;
    state.status = plan::ContainerStatus::exited;
    state.health.clear();
    state.exit_code = 255;  // ended while nobody could see it
    for (const ExitRecord& exit : exits) {
        if (exit.pid != state.pid || state.boot != boot) continue;
        if (exit.start_time != 0 ? exit.start_time != state.start_time : exit.time_ns < state.started_ns)
            continue;
        state.exit_code = exit_code_of_status(exit.wait_status);
        state.finished_ns = exit.time_ns;
    }
    state.pid = 0;
}

std::optional<StoredContainer> load_container(const Paths& paths, const std::string& project,
                                              const std::string& id) {
    const std::string directory = container_directory(paths, project, id);
    const std::optional<std::string> record = read_file_if_exists(directory + "/record.json");
    if (!record) return std::nullopt;
    try {
        StoredContainer stored;
        stored.record = record_from_json(json::parse(*record));
        if (stored.record.id != id) return std::nullopt;
        if (const auto state = read_file_if_exists(directory + "/state.json"))
            stored.state = state_from_json(json::parse(*state));
        return stored;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

}  // namespace

std::string container_directory(const Paths& paths, const std::string& project, const std::string& id) {
    return paths.containers(project) + "/" + id;
}

void save_project(const Paths& paths, const ProjectRecord& record) {
    make_directories(paths.containers(record.project.name));
    const json document{{"version", kVersion}, {"project", compose::to_json(record.project)}};
    write_file_atomically(paths.project_record(record.project.name), document.dump(), Durability::power_loss);
}

void save_record(const Paths& paths, const ContainerRecord& record) {
    const std::string directory = container_directory(paths, record.project, record.id);
    make_directories(directory);
    write_file_atomically(directory + "/record.json", record_to_json(record).dump(), Durability::crash);
}

void save_state(const Paths& paths, const ContainerRecord& record, const ContainerState& state) {
    const std::string directory = container_directory(paths, record.project, record.id);
    write_file_atomically(directory + "/state.json", state_to_json(state).dump(), Durability::crash);
}

std::vector<std::string> list_projects(const Paths& paths) {
    return list_directory(paths.projects());
}

ProjectState load_project_state(const Paths& paths, const std::string& project) {
    ProjectState result;
    result.name = project;
    if (const auto text = read_file_if_exists(paths.project_record(project))) {
        try {
            result.project = ProjectRecord{compose::project_from_json(json::parse(*text).at("project"))};
        } catch (const json::exception&) {
            result.project.reset();  // cut short by a power failure: containers' own records still say enough
        }
    }
    const std::vector<std::string> ids = list_directory(paths.containers(project));
    if (ids.empty()) return result;
    const std::string boot = boot_id();
    const std::vector<ExitRecord> exits = read_exit_journal(paths.exit_journal(project));
    for (const std::string& id : ids) {
        std::optional<StoredContainer> stored = load_container(paths, project, id);
        if (!stored) {
            result.broken.push_back(id);
            continue;
        }
        settle(stored->state, boot, exits);
        result.containers.push_back(std::move(*stored));
    }
    std::sort(
        result.containers.begin(), result.containers.end(),
        [](const StoredContainer& a, const StoredContainer& b) { return a.record.name < b.record.name; });
    return result;
}

plan::ObservedState observe(const Paths& paths, const ProjectState& state) {
    plan::ObservedState observed;
    for (const StoredContainer& stored : state.containers) {
        const ContainerRecord& record = stored.record;
        plan::ObservedContainer container;
        container.id = record.id;
        container.name = record.name;
        container.service = record.service_name;
        container.number = record.number;
        container.oneoff = record.oneoff;
        container.config_hash = record.config_hash;
        container.image = record.image_reference;
        container.image_digest = record.image_digest;
        for (const network::EndpointSpec& endpoint : record.endpoints)
            container.networks.insert(endpoint.network);
        for (const MountRecord& mount : record.mounts)
            if (!mount.volume_name.empty() && !mount.anonymous) container.volumes.insert(mount.volume_name);
        for (const auto& [name, dependency] : record.service.depends_on)
            container.depends_on.emplace(name, condition_word(dependency.condition));
        container.service_spec = record.service;
        container.status = stored.state.status;
        container.exit_code = stored.state.exit_code;
        container.health = stored.state.health;
        observed.containers.push_back(std::move(container));
    }
    for (const auto& [name, note] : load_network_notes(paths, state.name))
        observed.networks.push_back({name, note.key, note.config_hash});
    for (const VolumeRecord& volume : list_volumes(paths)) {
        observed.volumes.insert(volume.name);
        if (volume.project == state.name && !volume.anonymous) observed.project_volumes.insert(volume.name);
    }
    return observed;
}

std::map<std::string, NetworkNote> load_network_notes(const Paths& paths, const std::string& project) {
    std::map<std::string, NetworkNote> notes;
    const auto text = read_file_if_exists(paths.project(project) + "/networks.json");
    if (!text) return notes;
    try {
        const json document = json::parse(*text);
        for (const auto& [name, note] : document.at("networks").items())
            notes[name] =
                NetworkNote{note.at("key").get<std::string>(), note.at("config_hash").get<std::string>()};
    } catch (const json::exception&) {
        notes.clear();
    }
    return notes;
}

void save_network_notes(const Paths& paths, const std::string& project,
                        const std::map<std::string, NetworkNote>& notes) {
    json networks = json::object();
    for (const auto& [name, note] : notes)
        networks[name] = {{"key", note.key}, {"config_hash", note.config_hash}};
    const json document{{"version", kVersion}, {"networks", networks}};
    write_file_atomically(paths.project(project) + "/networks.json", document.dump(), Durability::power_loss);
}

void remove_container_files(const Paths& paths, const std::string& project, const std::string& id) {
    remove_tree(container_directory(paths, project, id));
}

void remove_project_files(const Paths& paths, const std::string& project) {
    remove_tree(paths.project(project));
    remove_tree(paths.run(project));
}

}  // namespace stack::engine
