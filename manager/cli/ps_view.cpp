#include "manager/cli/ps_view.hpp"

#include "manager/cli/table.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <time.h>

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

using nlohmann::json;

namespace {

std::string age_text(WallTime since, WallTime now) {
    // A clock that was set back shows no negative ages.
    const auto age =
        std::chrono::duration_cast<std::chrono::seconds>(std::max(now - since, WallTime::duration{0}));
    return format_age(age);
}

// The first `limit` characters of UTF-8 text, the last of them an ellipsis when something is missing.
std::string cut(const std::string& text, std::size_t limit) {
    std::size_t characters = 0, end = 0, last = 0;
    while (end < text.size()) {
        if (characters == limit) return text.substr(0, last) + "…";
        last = end;
        do ++end;
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80);
        ++characters;
    }
    return text;
}

std::string command_text(const ContainerView& container, bool no_trunc) {
    const std::string words = join(container.command, " ");
    // JSON's quoting is what the table shows too: quotes and control characters can't break out.
    return json(no_trunc ? words : cut(words, 20)).dump(-1, ' ', false, json::error_handler_t::replace);
}

// `2026-01-02 15:04:05 +0000 UTC`
std::string date_text(WallTime time) {
    const time_t seconds = std::chrono::system_clock::to_time_t(time);
    struct tm parts {};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} +0000 UTC", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// `all addresses` is two sockets for people and scripts: 0.0.0.0 and ::. Sorted, and exposed ports that are
// published as well only as published.
std::vector<PortView> listed(const std::vector<PortView>& ports) {
    std::vector<PortView> result;
    for (const PortView& port : ports) {
        const bool published_too = std::any_of(ports.begin(), ports.end(), [&](const PortView& other) {
            return other.published_port != 0 && other.target_port == port.target_port &&
                   other.protocol == port.protocol;
        });
        if (port.published_port == 0 && published_too) continue;
        result.push_back(port);
        if (port.published_port != 0 && (port.host_ip.empty() || port.host_ip == "0.0.0.0")) {
            result.back().host_ip = "0.0.0.0";
            result.push_back(result.back());
            result.back().host_ip = "::";
        }
        if (port.published_port == 0) result.back().host_ip.clear();
    }
    std::sort(result.begin(), result.end(), [](const PortView& a, const PortView& b) {
        return std::tie(a.protocol, a.host_ip, a.target_port, a.published_port) <
               std::tie(b.protocol, b.host_ip, b.target_port, b.published_port);
    });
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
}

std::string range(unsigned first, unsigned last) {
    return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
}

std::string mapping_text(const PortView& first, const PortView& last) {
    const std::string target = range(first.target_port, last.target_port) + "/" + first.protocol;
    if (first.published_port == 0) return target;
    const std::string host =
        first.host_ip.find(':') != std::string::npos ? "[" + first.host_ip + "]" : first.host_ip;
    return fmt::format("{}:{}->{}", host, range(first.published_port, last.published_port), target);
}

bool continues(const PortView& before, const PortView& next) {
    const bool to_itself =
        before.published_port == before.target_port && next.published_port == next.target_port;
    const bool unpublished = before.published_port == 0 && next.published_port == 0;
    return before.protocol == next.protocol && before.host_ip == next.host_ip &&
           next.target_port == before.target_port + 1 && (to_itself || unpublished);
}

template <typename T>
void sort_by_name(std::vector<T>& views) {
    std::sort(views.begin(), views.end(), [](const T& a, const T& b) { return a.name < b.name; });
}

json to_json(const ContainerView& container, WallTime now, bool no_trunc) {
    json publishers = json::array();
    for (const PortView& port : listed(container.ports))
        publishers.push_back({{"URL", port.host_ip},
                              {"TargetPort", port.target_port},
                              {"PublishedPort", port.published_port},
                              {"Protocol", port.protocol}});
    std::vector<std::string> labels;
    for (const auto& [key, value] : container.labels) labels.push_back(key + "=" + value);
    return {{"ID", no_trunc ? container.id : container.id.substr(0, 12)},
            {"Name", container.name},
            {"Names", container.name},
            {"Image", container.image},
            {"Command", command_text(container, no_trunc)},
            {"Project", container.project},
            {"Service", container.service},
            {"CreatedAt", date_text(container.created)},
            {"RunningFor", age_text(container.created, now) + " ago"},
            {"State", container.state},
            {"Status", status_text(container, now)},
            {"Health", container.state == "running" ? container.health : ""},
            {"ExitCode", container.exit_code},
            {"OOMKilled", container.oom_killed},
            {"Ports", ports_text(container.ports)},
            {"Publishers", publishers},
            {"Labels", join(labels, ",")},
            {"Mounts", join(container.mounts, ",")},
            {"Networks", join(container.networks, ",")},
            {"LocalVolumes", std::to_string(container.local_volumes)},
            {"Size", "0B"}};
}

}  // namespace

std::string status_text(const ContainerView& container, WallTime now) {
    if (container.state == "running" || container.state == "paused") {
        std::string text = "Up " + age_text(container.started, now);
        if (container.state == "paused") return text + " (Paused)";
        if (container.health == "starting") return text + " (health: starting)";
        return container.health.empty() ? text : fmt::format("{} ({})", text, container.health);
    }
    const std::string ended =
        fmt::format("({}) {} ago{}", container.exit_code, age_text(container.finished, now),
                    container.oom_killed ? " (out of memory)" : "");
    if (container.state == "restarting") return "Restarting " + ended;
    if (container.state == "exited") return "Exited " + ended;
    return container.state == "dead" ? "Dead" : "Created";
}

std::string ports_text(const std::vector<PortView>& ports) {
    const std::vector<PortView> all = listed(ports);
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < all.size();) {
        std::size_t last = i;
        while (last + 1 < all.size() && continues(all[last], all[last + 1])) ++last;
        texts.push_back(mapping_text(all[i], all[last]));
        i = last + 1;
    }
    return join(texts, ", ");
}

std::string ps_table(std::vector<ContainerView> containers, WallTime now, bool no_trunc) {
    sort_by_name(containers);
    std::vector<std::vector<std::string>> rows;
    rows.reserve(containers.size());
    for (const ContainerView& container : containers)
        rows.push_back({container.name, container.image, command_text(container, no_trunc), container.service,
                        age_text(container.created, now) + " ago", status_text(container, now),
                        ports_text(container.ports)});
    return format_table({"NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"}, rows);
}

std::string ps_json(std::vector<ContainerView> containers, WallTime now, bool no_trunc) {
    sort_by_name(containers);
    std::string text;
    for (const ContainerView& container : containers)
        text += to_json(container, now, no_trunc).dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    return text;
}

std::string project_status_text(const std::map<std::string, int>& containers) {
    std::vector<std::string> parts;
    for (const bool running : {true, false})
        for (const auto& [state, count] : containers)
            if (count > 0 && (state == "running") == running)
                parts.push_back(fmt::format("{}({})", state, count));
    return join(parts, ", ");
}

std::string ls_table(std::vector<ProjectView> projects) {
    sort_by_name(projects);
    std::vector<std::vector<std::string>> rows;
    rows.reserve(projects.size());
    for (const ProjectView& project : projects)
        rows.push_back({project.name, project_status_text(project.containers), join(project.files, ",")});
    return format_table({"NAME", "STATUS", "CONFIG FILES"}, rows);
}

std::string ls_json(std::vector<ProjectView> projects) {
    sort_by_name(projects);
    json all = json::array();
    for (const ProjectView& project : projects)
        all.push_back({{"Name", project.name},
                       {"Status", project_status_text(project.containers)},
                       {"ConfigFiles", join(project.files, ",")}});
    return all.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace stack::cli
