// `stack ps` and `stack ls`: from records alone, whether or not a supervisor runs.
#include "manager/cli/commands.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/ps_view.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace stack::cli {

namespace {

WallTime wall_time(std::int64_t since_epoch_ns) {
    return WallTime{std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds{since_epoch_ns})};
}

/// Published ports as they are bound, then those that the file merely names.
std::vector<PortView> port_views(const engine::ContainerRecord& record, bool running) {
    std::vector<PortView> views;
    std::set<std::pair<std::string, int>> published;
    for (const network::PublishedPort& port : record.ports) {
        if (running) views.push_back({port.host_ip, port.host_port, port.container_port, port.protocol});
        published.emplace(port.protocol, port.container_port);
    }
    for (const std::string& text : record.service.expose) {
        const std::vector<std::string> parts = split(text, '/');
        const std::string protocol = parts.size() > 1 ? parts[1] : "tcp";
        const std::optional<long long> port = parse_int(parts[0]);
        if (!running || !port || *port < 1 || *port > 65535) continue;  // ranges are not listed
        if (!published.emplace(protocol, static_cast<int>(*port)).second) continue;
        views.push_back({{}, 0, static_cast<std::uint16_t>(*port), protocol});
    }
    return views;
}

ContainerView view_of(const engine::StoredContainer& container) {
    const engine::ContainerRecord& record = container.record;
    const engine::ContainerState& state = container.state;
    ContainerView view;
    view.id = record.id;
    view.name = record.name;
    view.image = record.image_reference;
    view.command = record.command;
    view.project = record.project;
    view.service = record.service_name;
    view.state = plan::status_word(state.status);
    view.health = state.health;
    view.exit_code = state.exit_code;
    view.oom_killed = state.oom_killed;
    view.created = wall_time(record.created_ns);
    view.started = wall_time(state.started_ns);
    view.finished = wall_time(state.finished_ns);
    view.ports = port_views(record, view.state == "running");
    view.labels = record.labels;
    for (const engine::MountRecord& mount : record.mounts) {
        view.mounts.push_back(mount.volume_name.empty() ? mount.host_path : mount.volume_name);
        if (!mount.volume_name.empty()) ++view.local_volumes;
    }
    for (const network::EndpointSpec& endpoint : record.endpoints) view.networks.push_back(endpoint.network);
    return view;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

bool shown(const PsCommand& command, const engine::StoredContainer& container) {
    if (!command.services.empty() && !contains(command.services, container.record.service_name)) return false;
    const std::string state = plan::status_word(container.state.status);
    if (!command.statuses.empty()) return contains(command.statuses, state);
    if (command.all) return true;
    return !container.record.oneoff && (state == "running" || state == "paused" || state == "restarting");
}

/// A name that neither the file nor a container has is a mistake.
void check_services(const PsCommand& command, const NamedProject& named, const engine::ProjectState& state) {
    for (const std::string& name : command.services) {
        const bool in_file = named.project && (named.project->services.contains(name) ||
                                               named.project->disabled_services.contains(name));
        const bool has_container = std::any_of(state.containers.begin(), state.containers.end(),
                                               [&](const auto& c) { return c.record.service_name == name; });
        if (!in_file && !has_container)
            throw Error{ErrorKind::invalid_input, fmt::format("no such service: {}", name)};
    }
}

std::string output_of(const PsCommand& command, std::vector<ContainerView> views) {
    std::string text;
    if (command.services_only) {
        std::set<std::string> names;
        for (const ContainerView& view : views) names.insert(view.service);
        for (const std::string& name : names) text += name + "\n";
        return text;
    }
    if (command.quiet) {
        for (const ContainerView& view : views) text += view.id + "\n";
        return text;
    }
    const WallTime now = std::chrono::system_clock::now();
    return command.format == "json" ? ps_json(std::move(views), now) : ps_table(std::move(views), now);
}

}  // namespace

int run_ps(const Context& context, const PsCommand& command) {
    const NamedProject named = load_project_or_name(context);
    const engine::ProjectState state = engine::load_project_state(context.paths, named.name);
    check_services(command, named, state);
    std::vector<ContainerView> views;
    for (const engine::StoredContainer& container : state.containers)
        if (shown(command, container)) views.push_back(view_of(container));
    write_all(context.out.fd, output_of(command, std::move(views)), "stdout");
    return 0;
}

int run_ls(const Context& context, const LsCommand& command) {
    std::vector<ProjectView> projects;
    for (const std::string& name : engine::list_projects(context.paths)) {
        const engine::ProjectState state = engine::load_project_state(context.paths, name);
        ProjectView view{name, {}, {}};
        for (const engine::StoredContainer& container : state.containers)
            ++view.containers[plan::status_word(container.state.status)];
        if (state.project) view.files = state.project->project.files;
        const bool runs = view.containers.contains("running") || view.containers.contains("paused") ||
                          view.containers.contains("restarting");
        if (view.containers.empty() || (!runs && !command.all)) continue;
        projects.push_back(std::move(view));
    }
    std::string text;
    if (command.quiet)
        for (const ProjectView& project : projects) text += project.name + "\n";
    else
        text = command.format == "json" ? ls_json(std::move(projects)) : ls_table(std::move(projects));
    write_all(context.out.fd, text, "stdout");
    return 0;
}

}  // namespace stack::cli
