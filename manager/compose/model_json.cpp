#include "manager/compose/model_json.hpp"

#include "runtime/base/error.hpp"

#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::compose {

namespace {

using Json = nlohmann::json;

// Each struct lists its members once, in `members`; a Writer and a Reader walk the same list, so that the two
// directions can't drift apart.
template <class T>
Json write(const T& value);
template <class T>
void read(const Json& json, T& value, const char* name);

template <class E>
struct Words;
template <>
struct Words<DependencyCondition> {
    static constexpr const char* kWords[] = {"service_started", "service_healthy",
                                             "service_completed_successfully"};
};
template <>
struct Words<VolumeMount::Type> {
    static constexpr const char* kWords[] = {"bind", "volume", "tmpfs"};
};
template <>
struct Words<RestartPolicy::Kind> {
    static constexpr const char* kWords[] = {"no", "always", "on-failure", "unless-stopped"};
};

// ---- members
// ------------------------------------------------------------------------------------------------

template <class V>
void members(V& v, std::type_identity<Dependency>) {
    v("condition", &Dependency::condition);
    v("restart", &Dependency::restart);
    v("required", &Dependency::required);
}

template <class V>
void members(V& v, std::type_identity<Healthcheck>) {
    v("test", &Healthcheck::test);
    v("interval", &Healthcheck::interval);
    v("timeout", &Healthcheck::timeout);
    v("start_period", &Healthcheck::start_period);
    v("start_interval", &Healthcheck::start_interval);
    v("retries", &Healthcheck::retries);
    v("disable", &Healthcheck::disable);
}

template <class V>
void members(V& v, std::type_identity<Port>) {
    v("host_ip", &Port::host_ip);
    v("published", &Port::published);
    v("target", &Port::target);
    v("protocol", &Port::protocol);
    v("mode", &Port::mode);
    v("name", &Port::name);
    v("app_protocol", &Port::app_protocol);
    v("position", &Port::position);
}

template <class V>
void members(V& v, std::type_identity<VolumeMount>) {
    v("type", &VolumeMount::type);
    v("source", &VolumeMount::source);
    v("target", &VolumeMount::target);
    v("read_only", &VolumeMount::read_only);
    v("create_host_path", &VolumeMount::create_host_path);
    v("propagation", &VolumeMount::propagation);
    v("nocopy", &VolumeMount::nocopy);
    v("subpath", &VolumeMount::subpath);
    v("tmpfs_size_bytes", &VolumeMount::tmpfs_size_bytes);
    v("tmpfs_mode", &VolumeMount::tmpfs_mode);
    v("tmpfs_options", &VolumeMount::tmpfs_options);
    v("position", &VolumeMount::position);
}

template <class V>
void members(V& v, std::type_identity<FileGrant>) {
    v("source", &FileGrant::source);
    v("target", &FileGrant::target);
    v("uid", &FileGrant::uid);
    v("gid", &FileGrant::gid);
    v("mode", &FileGrant::mode);
    v("position", &FileGrant::position);
}

template <class V>
void members(V& v, std::type_identity<NetworkAttachment>) {
    v("aliases", &NetworkAttachment::aliases);
    v("ipv4_address", &NetworkAttachment::ipv4_address);
    v("priority", &NetworkAttachment::priority);
}

template <class V>
void members(V& v, std::type_identity<Ulimit>) {
    v("soft", &Ulimit::soft);
    v("hard", &Ulimit::hard);
}

template <class V>
void members(V& v, std::type_identity<RestartPolicy>) {
    v("kind", &RestartPolicy::kind);
    v("max_attempts", &RestartPolicy::max_attempts);
    v("delay", &RestartPolicy::delay);
    v("window", &RestartPolicy::window);
}

template <class V>
void members(V& v, std::type_identity<Logging>) {
    v("driver", &Logging::driver);
    v("max_size_bytes", &Logging::max_size_bytes);
    v("max_file", &Logging::max_file);
}

template <class V>
void members(V& v, std::type_identity<SecurityOptions>) {
    v("no_new_privileges", &SecurityOptions::no_new_privileges);
    v("seccomp_unconfined", &SecurityOptions::seccomp_unconfined);
    v("seccomp_file", &SecurityOptions::seccomp_file);
    v("apparmor_profile", &SecurityOptions::apparmor_profile);
    v("label_parts", &SecurityOptions::label_parts);
    v("system_paths_unconfined", &SecurityOptions::system_paths_unconfined);
}

template <class V>
void members(V& v, std::type_identity<DeviceRequest>) {
    v("driver", &DeviceRequest::driver);
    v("capabilities", &DeviceRequest::capabilities);
    v("device_ids", &DeviceRequest::device_ids);
    v("count", &DeviceRequest::count);
    v("position", &DeviceRequest::position);
}

template <class V>
void members(V& v, std::type_identity<TimeOffsets>) {
    v("monotonic", &TimeOffsets::monotonic);
    v("boottime", &TimeOffsets::boottime);
}

template <class V>
void members(V& v, std::type_identity<DeviceGrant>) {
    v("source", &DeviceGrant::source);
    v("target", &DeviceGrant::target);
    v("permissions", &DeviceGrant::permissions);
    v("position", &DeviceGrant::position);
}

template <class V>
void members(V& v, std::type_identity<Service>) {
    v("name", &Service::name);
    v("image", &Service::image);
    v("platform", &Service::platform);
    v("pull_policy", &Service::pull_policy);
    v("pull_refresh_after", &Service::pull_refresh_after);
    v("buildable", &Service::buildable);
    v("command", &Service::command);
    v("entrypoint", &Service::entrypoint);
    v("environment", &Service::environment);
    v("working_dir", &Service::working_dir);
    v("user", &Service::user);
    v("hostname", &Service::hostname);
    v("domainname", &Service::domainname);
    v("container_name", &Service::container_name);
    v("init", &Service::init);
    v("tty", &Service::tty);
    v("stdin_open", &Service::stdin_open);
    v("read_only", &Service::read_only);
    v("attach", &Service::attach);
    v("labels", &Service::labels);
    v("annotations", &Service::annotations);
    v("group_add", &Service::group_add);
    v("depends_on", &Service::depends_on);
    v("healthcheck", &Service::healthcheck);
    v("restart", &Service::restart);
    v("stop_signal", &Service::stop_signal);
    v("stop_grace_period", &Service::stop_grace_period);
    v("ports", &Service::ports);
    v("expose", &Service::expose);
    v("volumes", &Service::volumes);
    v("networks", &Service::networks);
    v("network_mode", &Service::network_mode);
    v("dns", &Service::dns);
    v("dns_search", &Service::dns_search);
    v("dns_opt", &Service::dns_opt);
    v("secrets", &Service::secrets);
    v("configs", &Service::configs);
    v("cap_add", &Service::cap_add);
    v("cap_drop", &Service::cap_drop);
    v("privileged", &Service::privileged);
    v("devices", &Service::devices);
    v("device_requests", &Service::device_requests);
    v("device_cgroup_rules", &Service::device_cgroup_rules);
    v("pid_mode", &Service::pid_mode);
    v("ipc_mode", &Service::ipc_mode);
    v("uts_mode", &Service::uts_mode);
    v("cgroup_mode", &Service::cgroup_mode);
    v("cgroup_parent", &Service::cgroup_parent);
    v("user_namespace_ids", &Service::user_namespace_ids);
    v("time_offsets", &Service::time_offsets);
    v("security", &Service::security);
    v("mem_limit_bytes", &Service::mem_limit_bytes);
    v("mem_reservation_bytes", &Service::mem_reservation_bytes);
    v("memswap_limit_bytes", &Service::memswap_limit_bytes);
    v("shm_size_bytes", &Service::shm_size_bytes);
    v("cpus", &Service::cpus);
    v("cpu_shares", &Service::cpu_shares);
    v("cpu_quota_us", &Service::cpu_quota_us);
    v("cpu_period_us", &Service::cpu_period_us);
    v("cpuset", &Service::cpuset);
    v("oom_score_adj", &Service::oom_score_adj);
    v("pids_limit", &Service::pids_limit);
    v("ulimits", &Service::ulimits);
    v("sysctls", &Service::sysctls);
    v("extra_hosts", &Service::extra_hosts);
    v("profiles", &Service::profiles);
    v("logging", &Service::logging);
    v("scale", &Service::scale);
    v("config_hash", &Service::config_hash);
    v("position", &Service::position);
    v("positions", &Service::positions);
}

template <class V>
void members(V& v, std::type_identity<IpamConfig>) {
    v("subnet", &IpamConfig::subnet);
    v("gateway", &IpamConfig::gateway);
    v("ip_range", &IpamConfig::ip_range);
    v("aux_addresses", &IpamConfig::aux_addresses);
}

template <class V>
void members(V& v, std::type_identity<Network>) {
    v("key", &Network::key);
    v("name", &Network::name);
    v("external", &Network::external);
    v("internal", &Network::internal);
    v("ipam", &Network::ipam);
    v("labels", &Network::labels);
    v("position", &Network::position);
}

template <class V>
void members(V& v, std::type_identity<Volume>) {
    v("key", &Volume::key);
    v("name", &Volume::name);
    v("external", &Volume::external);
    v("labels", &Volume::labels);
    v("position", &Volume::position);
}

template <class V>
void members(V& v, std::type_identity<FileSource>) {
    v("key", &FileSource::key);
    v("name", &FileSource::name);
    v("file", &FileSource::file);
    v("content", &FileSource::content);
    v("environment", &FileSource::environment);
    v("position", &FileSource::position);
}

template <class V>
void members(V& v, std::type_identity<Project>) {
    v("name", &Project::name);
    v("separator", &Project::separator);
    v("working_dir", &Project::working_dir);
    v("files", &Project::files);
    v("env_files", &Project::env_files);
    v("services", &Project::services);
    v("disabled_services", &Project::disabled_services);
    v("networks", &Project::networks);
    v("volumes", &Project::volumes);
    v("secrets", &Project::secrets);
    v("configs", &Project::configs);
}

// ---- the two visitors
// ---------------------------------------------------------------------------------------

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};
template <class T>
struct IsPair : std::false_type {};
template <class A, class B>
struct IsPair<std::pair<A, B>> : std::true_type {};

// Leaves out what is as in a default-constructed value.
template <class S>
struct Writer {
    const S& value;
    const S& defaults;
    Json json = Json::object();
    template <class T>
    void operator()(const char* name, T S::*member) {
        if (!(value.*member == defaults.*member)) json[name] = write(value.*member);
    }
};

template <class S>
struct Reader {
    const Json& json;
    S& value;
    template <class T>
    void operator()(const char* name, T S::*member) {
        if (const auto found = json.find(name); found != json.end()) read(*found, value.*member, name);
    }
};

[[noreturn]] void wrong_type(const char* name, const char* wanted) {
    throw Error(ErrorKind::invalid_input, fmt::format("member '{}' is not {}", name, wanted));
}

template <class T>
Json write(const T& value) {
    if constexpr (std::is_enum_v<T>) {
        return Words<T>::kWords[static_cast<std::size_t>(value)];
    } else if constexpr (std::is_same_v<T, Duration>) {
        return value.count();
    } else if constexpr (std::is_same_v<T, Position>) {
        return Json::array({value.file, value.line, value.column});
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
        return value;
    } else if constexpr (IsOptional<T>::value) {
        return value ? write(*value) : Json(nullptr);
    } else if constexpr (IsPair<T>::value) {
        return Json::array({write(value.first), write(value.second)});
    } else if constexpr (IsVector<T>::value) {
        Json array = Json::array();
        for (const auto& item : value) array.push_back(write(item));
        return array;
    } else if constexpr (IsMap<T>::value) {
        Json object = Json::object();
        for (const auto& [key, item] : value) object[key] = write(item);
        return object;
    } else {
        static const T kDefault{};
        Writer<T> writer{value, kDefault};
        members(writer, std::type_identity<T>{});
        return std::move(writer.json);
    }
}

template <class T>
void read(const Json& json, T& value, const char* name) {
    if constexpr (std::is_enum_v<T>) {
        const auto* word = json.get_ptr<const std::string*>();
        if (!word) wrong_type(name, "a word");
        std::size_t index = 0;
        for (const char* candidate : Words<T>::kWords) {
            if (*word == candidate) {
                value = static_cast<T>(index);
                return;
            }
            ++index;
        }
        wrong_type(name, "one of the known words");
    } else if constexpr (std::is_same_v<T, Duration>) {
        if (!json.is_number_integer()) wrong_type(name, "a number of nanoseconds");
        value = Duration{json.get<std::int64_t>()};
    } else if constexpr (std::is_same_v<T, Position>) {
        if (!json.is_array() || json.size() != 3 || !json[0].is_string() || !json[1].is_number_integer() ||
            !json[2].is_number_integer())
            wrong_type(name, "a position");
        value = Position{json[0].get<std::string>(), json[1].get<int>(), json[2].get<int>()};
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!json.is_boolean()) wrong_type(name, "true or false");
        value = json.get<bool>();
    } else if constexpr (std::is_arithmetic_v<T>) {
        if (!json.is_number()) wrong_type(name, "a number");
        value = json.get<T>();
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!json.is_string()) wrong_type(name, "a string");
        value = json.get<std::string>();
    } else if constexpr (IsOptional<T>::value) {
        if (json.is_null())
            value.reset();
        else
            read(json, value.emplace(), name);
    } else if constexpr (IsPair<T>::value) {
        if (!json.is_array() || json.size() != 2) wrong_type(name, "a pair");
        read(json[0], value.first, name);
        read(json[1], value.second, name);
    } else if constexpr (IsVector<T>::value) {
        if (!json.is_array()) wrong_type(name, "a list");
        value.clear();
        value.reserve(json.size());
        for (const Json& item : json) read(item, value.emplace_back(), name);
    } else if constexpr (IsMap<T>::value) {
        if (!json.is_object()) wrong_type(name, "a map");
        value.clear();
        for (const auto& [key, item] : json.items()) read(item, value[key], name);
    } else {
        if (!json.is_object()) wrong_type(name, "a map");
        Reader<T> reader{json, value};
        members(reader, std::type_identity<T>{});
    }
}

template <class T>
T from_json(const Json& json, const char* what) {
    T value{};
    read(json, value, what);
    return value;
}

}  // namespace

Json to_json(const Project& project) {
    return write(project);
}
Json to_json(const Service& service) {
    return write(service);
}
Json to_json(const Network& network) {
    return write(network);
}
Json to_json(const Volume& volume) {
    return write(volume);
}
Json to_json(const FileSource& source) {
    return write(source);
}
Json to_json(const Position& position) {
    return write(position);
}

Project project_from_json(const Json& json) {
    return from_json<Project>(json, "project");
}
Service service_from_json(const Json& json) {
    return from_json<Service>(json, "service");
}
Network network_from_json(const Json& json) {
    return from_json<Network>(json, "network");
}
Volume volume_from_json(const Json& json) {
    return from_json<Volume>(json, "volume");
}
FileSource file_source_from_json(const Json& json) {
    return from_json<FileSource>(json, "file");
}
Position position_from_json(const Json& json) {
    return from_json<Position>(json, "position");
}

}  // namespace stack::compose
