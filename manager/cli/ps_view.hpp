// What `ps` and `ls` print, in the words and columns of the Compose command line. Text from values: time
// comes in.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace stack::cli {

using WallTime = std::chrono::system_clock::time_point;

struct PortView {
    std::string host_ip = "0.0.0.0";   ///< 0.0.0.0: all addresses, of IPv6 too
    std::uint16_t published_port = 0;  ///< 0: not published
    std::uint16_t target_port = 0;
    std::string protocol = "tcp";
    bool operator==(const PortView&) const = default;
};

struct ContainerView {
    std::string id;  ///< 64 hex digits
    std::string name;
    std::string image;
    std::vector<std::string> command;  ///< argv
    std::string project, service;
    std::string state;   ///< created, running, paused, restarting, exited, dead
    std::string health;  ///< "", starting, healthy, unhealthy
    int exit_code = 0;
    bool oom_killed = false;
    WallTime created{}, started{}, finished{};
    std::vector<PortView> ports;  ///< published ones and exposed ones
    std::map<std::string, std::string> labels;
    std::vector<std::string> mounts;    ///< bind sources and volume names
    std::vector<std::string> networks;  ///< real names
    int local_volumes = 0;
};

/// `Up 3 seconds (healthy)`, `Exited (137) 2 seconds ago (out of memory)`, `Restarting (1) 5 seconds ago`,
/// `Created`.
std::string status_text(const ContainerView& container, WallTime now);
/// `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp`; neighbours that map to themselves as one range.
std::string ports_text(const std::vector<PortView>& ports);

/// NAME IMAGE COMMAND SERVICE CREATED STATUS PORTS, by name; the command is quoted and cut to 20 characters.
std::string ps_table(std::vector<ContainerView> containers, WallTime now, bool no_trunc = false);
/// One JSON object a line, by name.
std::string ps_json(std::vector<ContainerView> containers, WallTime now, bool no_trunc = false);

struct ProjectView {
    std::string name;
    std::map<std::string, int> containers;  ///< how many in which state
    std::vector<std::string> files;
};
/// `running(2), exited(1)`: running first, the others by name.
std::string project_status_text(const std::map<std::string, int>& containers);
/// NAME STATUS CONFIG FILES, by name.
std::string ls_table(std::vector<ProjectView> projects);
/// One JSON array of Name, Status, ConfigFiles.
std::string ls_json(std::vector<ProjectView> projects);

}  // namespace stack::cli
