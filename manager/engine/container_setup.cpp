#include "manager/engine/container_setup.hpp"

#include "manager/engine/cdi.hpp"
#include "manager/engine/host_devices.hpp"
#include "manager/engine/id_leases.hpp"
#include "manager/engine/image_view.hpp"
#include "manager/engine/security_profiles.hpp"
#include "manager/engine/service_devices.hpp"
#include "manager/engine/volume_fill.hpp"
#include "manager/engine/volume_store.hpp"
#include "manager/plan/blame.hpp"
#include "manager/plan/container_files.hpp"
#include "manager/plan/image_defaults.hpp"
#include "manager/plan/spec_builder.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/version.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace stack::engine {

namespace {

SourcePosition position_of(const compose::Position& position) {
    return SourcePosition{position.file, position.line, position.column};
}

const compose::Position& position_of_key(const compose::Service& service, const std::string& key) {
    const auto found = service.positions.find(key);
    return found == service.positions.end() ? service.position : found->second;
}

std::string own_hostname() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

std::string dependency_label(const compose::Service& service) {
    std::vector<std::string> parts;
    for (const auto& [name, dependency] : service.depends_on) {
        const char* condition = dependency.condition == compose::DependencyCondition::service_healthy
                                    ? "service_healthy"
                                : dependency.condition == compose::DependencyCondition::service_started
                                    ? "service_started"
                                    : "service_completed_successfully";
        parts.push_back(fmt::format("{}:{}:{}", name, condition, dependency.restart ? "true" : "false"));
    }
    return join(parts, ",");
}

bool covers(const std::string& mount_target, const std::string& path) {
    return path == mount_target ||
           path.starts_with(mount_target.back() == '/' ? mount_target : mount_target + "/");
}

void check_binds(const compose::Service& service, std::vector<Error>& errors) {
    for (const compose::VolumeMount& volume : service.volumes) {
        if (volume.type != compose::VolumeMount::Type::bind || volume.create_host_path) continue;
        struct stat info {};
        if (::stat(volume.source.c_str(), &info) == 0) continue;
        const int err = errno;
        errors.push_back(
            Error::from_errno(err,
                              fmt::format("bind source '{}' of service \"{}\"", volume.source, service.name))
                .at(position_of(volume.position))
                .with_hint("create it, or set 'create_host_path: true' to have a directory made"));
    }
}

void check_grants(const std::map<std::string, compose::FileSource>& sources,
                  const std::vector<compose::FileGrant>& grants, const char* what,
                  const compose::Service& service, std::vector<Error>& errors) {
    for (const compose::FileGrant& grant : grants) {
        const auto source = sources.find(grant.source);
        if (source == sources.end()) continue;  // the loader has said so
        if (!source->second.environment.empty() && !source->second.content)
            errors.push_back(Error{
                ErrorKind::invalid_input,
                fmt::format(
                    "{} \"{}\" of service \"{}\" takes its value from the variable {}, which is not set",
                    what, grant.source, service.name, source->second.environment)}
                                 .at(position_of(source->second.position)));
        if (source->second.file.empty() || path_exists(source->second.file)) continue;
        errors.push_back(Error::from_errno(ENOENT, fmt::format("{} \"{}\": file '{}'", what, grant.source,
                                                               source->second.file))
                             .at(position_of(source->second.position)));
    }
}

void check_command(const compose::Service& service, const Image& image, std::vector<Error>& errors) {
    std::vector<std::string> argv;
    try {
        argv = plan::effective_argv(service, image.config);
    } catch (Error& error) {
        errors.push_back(error.position() ? error : error.at(position_of(service.position)));
        return;
    }
    const std::string& command = argv.front();
    // A mount may bring the command along: then only the start can tell.
    for (const compose::VolumeMount& volume : service.volumes)
        if (command.find('/') == std::string::npos || covers(volume.target, command)) {
            if (command.find('/') != std::string::npos) return;
        }
    const UniqueFd root = open_image_view(image.layer_paths);
    if (!root.valid()) return;
    const std::string cwd = !service.working_dir.empty()        ? service.working_dir
                            : !image.config.working_dir.empty() ? image.config.working_dir
                                                                : "/";
    const std::vector<std::string> env = plan::effective_environment(service, image.config, "localhost");
    if (command_exists(root.get(), command, env, cwd)) return;
    const bool mounts_hide = std::any_of(
        service.volumes.begin(), service.volumes.end(),
        [](const auto& volume) { return volume.target.ends_with("bin") || volume.target.ends_with("bin/"); });
    if (mounts_hide && command.find('/') == std::string::npos) return;
    const bool own_entrypoint = service.entrypoint && !service.entrypoint->empty();
    const char* key = own_entrypoint                                 ? "entrypoint"
                      : service.command && !service.command->empty() ? "command"
                                                                     : "image";
    errors.push_back(
        Error{ErrorKind::not_found, fmt::format("service \"{}\": command \"{}\" does not exist in image {}",
                                                service.name, command, service.image)}
            .at(position_of(position_of_key(service, key)))
            .with_hint(command.find('/') == std::string::npos
                           ? "it is looked up in the PATH of the image; a shell is not involved"
                           : "the path is one inside the image"));
}

void check_user_namespace(const Paths& paths, const compose::Service& service) {
    if (service.user_namespace_ids == 0) return;
    try {
        check_free_ids(paths, service.user_namespace_ids);
    } catch (const Error& error) {
        throw plan::blame(error, service, "userns_mode");
    }
}

void add_grants(const Paths& paths, const std::map<std::string, compose::FileSource>& sources,
                const std::vector<compose::FileGrant>& grants, ContainerRecord& record) {
    const std::string directory = container_directory(paths, record.project, record.id) + "/files";
    for (const compose::FileGrant& grant : grants) {
        const compose::FileSource& source = sources.at(grant.source);
        MountRecord mount;
        mount.target = grant.target;
        mount.read_only = true;
        mount.origin = plan::origin_text(grant.position);
        mount.host_path = source.file;
        if (source.file.empty()) {
            make_directories(directory);
            mount.host_path = fmt::format("{}/{}", directory, record.mounts.size());
            write_file_atomically(mount.host_path, source.content.value_or(""), Durability::crash);
            const auto id_of = [](const std::string& text) {
                return static_cast<unsigned>(parse_int(text).value_or(0));
            };
            if (::chown(mount.host_path.c_str(), id_of(grant.uid), id_of(grant.gid)) != 0 ||
                ::chmod(mount.host_path.c_str(), grant.mode.value_or(0444)) != 0)
                throw_errno(fmt::format("set owner and mode of \"{}\"", grant.source));
        }
        record.mounts.push_back(std::move(mount));
    }
}

std::string make_anonymous_volume(const Paths& paths, const CreateRequest& request, const std::string& target,
                                  const std::string& project) {
    if (const auto kept = request.inherited_volumes.find(target); kept != request.inherited_volumes.end())
        return kept->second;
    VolumeRecord volume;
    volume.name = random_hex(32);
    volume.project = project;
    volume.anonymous = true;
    create_volume(paths, volume);
    return volume.name;
}

}  // namespace

std::vector<network::EndpointSpec> wanted_seats(const compose::Project& project,
                                                const compose::Service& service,
                                                const ContainerRecord& record) {
    std::vector<std::pair<std::string, compose::NetworkAttachment>> attachments{service.networks.begin(),
                                                                                service.networks.end()};
    std::stable_sort(attachments.begin(), attachments.end(),
                     [](const auto& a, const auto& b) { return a.second.priority > b.second.priority; });
    std::vector<network::EndpointSpec> seats;
    if (!service.network_mode.empty()) return seats;
    for (const auto& [key, attachment] : attachments) {
        network::EndpointSpec seat;
        seat.network = project.networks.at(key).name;
        seat.ip = attachment.ipv4_address;
        seat.names = {record.name, service.name};
        seat.names.insert(seat.names.end(), attachment.aliases.begin(), attachment.aliases.end());
        seat.names.push_back(record.short_id());
        seats.push_back(std::move(seat));
    }
    return seats;
}

std::map<std::string, std::string> container_labels(const compose::Project& project,
                                                    const ContainerRecord& record) {
    std::map<std::string, std::string> labels = record.service.labels;
    const std::string prefix = "com.docker.compose.";
    labels[prefix + "project"] = project.name;
    labels[prefix + "service"] = record.service_name;
    labels[prefix + "container-number"] = std::to_string(record.number);
    labels[prefix + "oneoff"] = record.oneoff ? "True" : "False";
    labels[prefix + "config-hash"] = record.config_hash;
    labels[prefix + "image"] = record.image_digest;
    labels[prefix + "depends_on"] = dependency_label(record.service);
    labels[prefix + "project.working_dir"] = project.working_dir;
    labels[prefix + "project.config_files"] = join(project.files, ",");
    if (!project.env_files.empty())
        labels[prefix + "project.environment_file"] = join(project.env_files, ",");
    labels[prefix + "version"] = kVersion;
    return labels;
}

std::vector<Error> check_container(const Paths& paths, const compose::Project& project,
                                   const compose::Service& service, const Image& image) {
    std::vector<Error> errors;
    check_binds(service, errors);
    check_grants(project.secrets, service.secrets, "secret", service, errors);
    check_grants(project.configs, service.configs, "config", service, errors);
    check_command(service, image, errors);
    const auto collect = [&](auto check) {
        try {
            check();
        } catch (Error& error) {
            errors.push_back(error.add_context(fmt::format("service \"{}\"", service.name)));
        }
    };
    collect([&] { static_cast<void>(granted_devices(service)); });
    collect([&] { static_cast<void>(device_edits(service, paths.cdi_directories)); });
    collect([&] { check_security_profiles(service); });
    collect([&] { check_user_namespace(paths, service); });
    return errors;
}

void make_writable_layer(const std::string& directory, const Image& image,
                         const std::optional<ContainerIds>& ids) {
    const std::string upper = directory + "/upper";
    make_directories(upper, 0755);
    make_directories(directory + "/work");
    if (image.layer_paths.empty()) return;
    struct stat top {};
    if (::stat(image.layer_paths.front().c_str(), &top) != 0) throw_errno("look at the image's top layer");
    if (ids) {
        // An owner without an id inside: the container's root.
        top.st_uid = ids->uid_first + (top.st_uid < ids->size ? top.st_uid : 0);
        top.st_gid = ids->gid_first + (top.st_gid < ids->size ? top.st_gid : 0);
    }
    if (::chown(upper.c_str(), top.st_uid, top.st_gid) != 0 ||
        ::chmod(upper.c_str(), top.st_mode & 07777) != 0)
        throw_errno("set owner and mode of the writable layer");
}

void prepare_mounts(const Paths& paths, const CreateRequest& request, const Image& image,
                    ContainerRecord& record) {
    std::map<std::string, std::string> volume_paths, anonymous_paths, anonymous_names;
    for (const auto& [key, volume] : request.project->volumes)
        volume_paths[key] = volume_data(paths, volume.name);
    for (const std::string& target : plan::anonymous_volume_targets(request.service, image.config)) {
        anonymous_names[target] = make_anonymous_volume(paths, request, target, record.project);
        anonymous_paths[target] = volume_data(paths, anonymous_names[target]);
    }
    for (const compose::VolumeMount& volume : request.service.volumes)
        if (volume.type == compose::VolumeMount::Type::bind && volume.create_host_path &&
            !path_exists(volume.source))
            make_directories(volume.source, 0755);
    for (const plan::ResolvedMount& resolved :
         plan::resolve_mounts(request.service, image.config, volume_paths, anonymous_paths)) {
        MountRecord mount;
        mount.target = resolved.target;
        mount.host_path = resolved.host_path;
        mount.read_only = resolved.read_only;
        mount.propagation = resolved.propagation;
        mount.origin = resolved.origin;
        if (const auto anonymous = anonymous_names.find(resolved.target);
            anonymous != anonymous_names.end() && anonymous_paths.at(resolved.target) == resolved.host_path) {
            mount.volume_name = anonymous->second;
            mount.anonymous = true;
        }
        for (const compose::VolumeMount& volume : request.service.volumes) {
            if (volume.type != compose::VolumeMount::Type::volume || volume.target != resolved.target)
                continue;
            mount.nocopy = volume.nocopy;
            if (!volume.source.empty()) mount.volume_name = request.project->volumes.at(volume.source).name;
        }
        record.mounts.push_back(std::move(mount));
    }
    add_grants(paths, request.project->secrets, request.service.secrets, record);
    add_grants(paths, request.project->configs, request.service.configs, record);
}

void fill_volumes(const ContainerRecord& record, const Image& image) {
    UniqueFd root;
    for (const MountRecord& mount : record.mounts) {
        if (!wants_filling(mount)) continue;
        if (!root.valid()) root = open_image_view(image.layer_paths);
        if (!root.valid()) return;
        fill_volume(root.get(), mount);
    }
}

void write_network_files(const Paths& paths, const ContainerRecord& record, const std::string& host_gateway) {
    const std::string directory = container_directory(paths, record.project, record.id);
    const std::string host = own_hostname();
    plan::HostsInputs hosts;
    hosts.hostname = plan::effective_hostname(record.service, record.id, host);
    for (const network::EndpointSpec& endpoint : record.endpoints) hosts.addresses.push_back(endpoint.ip);
    hosts.extra_hosts = record.service.extra_hosts;
    hosts.host_gateway = host_gateway;
    write_file_atomically(directory + "/hosts", plan::hosts_file(hosts), Durability::crash, 0644);
    write_file_atomically(directory + "/hostname", plan::hostname_file(hosts.hostname), Durability::crash,
                          0644);
    const std::string host_resolv = read_file_if_exists("/etc/resolv.conf").value_or("");
    const plan::ResolverChoices choices{record.service.dns, record.service.dns_search,
                                        record.service.dns_opt};
    const std::string resolv = record.endpoints.empty() ? plan::host_resolv_conf(host_resolv, choices)
                                                        : plan::resolv_conf(host_resolv, choices);
    write_file_atomically(directory + "/resolv.conf", resolv, Durability::crash, 0644);
}

std::string cgroup_path(const ContainerRecord& record) {
    return fmt::format("{}/{}", record.cgroup_parent,
                       record.cgroup_scope.empty() ? record.id : record.cgroup_scope);
}

ContainerSpec make_spec(const Paths& paths, const ContainerRecord& record,
                        const ContainerRecord* network_owner, const Image& image,
                        std::uint64_t available_capabilities) {
    const std::string directory = container_directory(paths, record.project, record.id);
    plan::SpecInputs inputs;
    inputs.service = record.service;
    inputs.image = image.config;
    inputs.project = record.project;
    inputs.id = record.id;
    inputs.container_name = record.name;
    inputs.layers = image.layer_paths;
    inputs.upper = directory + "/upper";
    inputs.work = directory + "/work";
    for (const MountRecord& mount : record.mounts)
        inputs.mounts.push_back(
            {mount.target, mount.host_path, mount.read_only, mount.propagation, mount.origin});
    const std::string network_files =
        network_owner ? container_directory(paths, network_owner->project, network_owner->id) : directory;
    inputs.hosts_file = network_files + "/hosts";
    inputs.hostname_file = network_files + "/hostname";
    inputs.resolv_conf_file = network_files + "/resolv.conf";
    inputs.cgroups_path = cgroup_path(record);
    inputs.host_hostname = own_hostname();
    if (network_owner)
        inputs.network_hostname =
            plan::effective_hostname(network_owner->service, network_owner->id, inputs.host_hostname);
    inputs.available_capabilities = available_capabilities;
    if (record.ids) {
        inputs.uid_mappings = {{0, record.ids->uid_first, record.ids->size}};
        inputs.gid_mappings = {{0, record.ids->gid_first, record.ids->size}};
    }
    GrantedDevices granted = granted_devices(record.service);
    inputs.devices = std::move(granted.nodes);
    if (record.service.privileged) add_all_host_devices(inputs.devices);
    inputs.device_rules = std::move(granted.rules);
    ContainerSpec spec = plan::build_container_spec(inputs);
    apply_security_profiles(record.service, spec);
    apply_cdi_edits(device_edits(record.service, paths.cdi_directories), spec);
    return spec;
}

}  // namespace stack::engine
