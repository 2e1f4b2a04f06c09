#include "runtime/oci/command_table.hpp"

#include "runtime/base/version.hpp"
#include "runtime/oci/commands/commands.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::oci {

namespace {

constexpr Flag kGlobalFlags[] = {
    {"root", 0, "DIR", "where containers are remembered (default /run/stack-runtime)"},
    {"log", 0, "FILE", "write log records to FILE (default standard error)"},
    {"log-format", 0, "FORMAT", "text or json (default text)"},
    {"log-level", 0, "LEVEL", "debug, warning (default) or error"},
    {"debug", 0, nullptr, "the same as --log-level debug: each step that is done"},
    {"systemd-cgroup", 0, nullptr, "let systemd make the cgroups; linux.cgroupsPath is slice:prefix:name"},
    {"cgroup-manager", 0, "NAME", "cgroupfs (default), systemd or disabled"},
    {"rootless", 0, "WORD",
     "true: without limits, do without a cgroup that may not be made; auto: if not root"},
    {"version", 'v', nullptr, "print the version"},
    {"help", 'h', nullptr, "print this"},
};

constexpr Flag kCreateFlags[] = {
    {"bundle", 'b', "DIR", "the bundle (default: the current directory)"},
    {"config", 'f', "FILE", "another configuration than config.json of the bundle"},
    {"console-socket", 0, "SOCKET", "a listening Unix socket that gets the terminal's master"},
    {"pid-file", 0, "FILE", "write the process id to FILE"},
    {"pidfd-socket", 0, "SOCKET", "a listening Unix socket that gets a pidfd of the process"},
    {"no-pivot", 0, nullptr, "chroot instead of pivot_root, for a host that runs from its initial RAM disk"},
    {"no-new-keyring", 0, nullptr, "keep the caller's session keyring"},
    {"preserve-fds", 0, "N", "pass on descriptors 3 to 2+N"},
};

constexpr Flag kRunFlags[] = {
    kCreateFlags[0],
    kCreateFlags[1],
    kCreateFlags[2],
    kCreateFlags[3],
    kCreateFlags[4],
    kCreateFlags[5],
    kCreateFlags[6],
    kCreateFlags[7],
    {"detach", 'd', nullptr, "return when the process runs"},
    {"keep", 0, nullptr, "don't delete the container when its process ends"},
    {"no-subreaper", 0, nullptr, "don't become the parent of the container's orphans"},
};

constexpr Flag kKillFlags[] = {{"all", 'a', nullptr, "signal every process of the container"}};
constexpr Flag kDeleteFlags[] = {
    {"force", 'f', nullptr, "kill what runs first; an unknown container is fine"}};

constexpr Flag kExecFlags[] = {
    {"process", 'p', "FILE", "the process as a JSON document, like config.json's `process`"},
    {"cwd", 0, "DIR", "working directory"},
    {"env", 'e', "K=V", "set a variable; may be given often"},
    {"tty", 't', nullptr, "give it a terminal"},
    {"user", 'u', "USER[:GROUP]", "who it runs as, by number or by the image's names"},
    {"additional-gids", 'g', "GID", "a further group; may be given often"},
    {"detach", 'd', nullptr, "return when the process runs"},
    {"pid-file", 0, "FILE", "write the process id to FILE"},
    {"pidfd-socket", 0, "SOCKET", "a listening Unix socket that gets a pidfd of the process"},
    {"console-socket", 0, "SOCKET", "a listening Unix socket that gets the terminal's master"},
    {"cap", 'c', "NAME", "a further capability; may be given often"},
    {"preserve-fds", 0, "N", "pass on descriptors 3 to 2+N"},
    {"no-new-privs", 0, nullptr, "set no_new_privs"},
    {"process-label", 0, "LABEL", "SELinux label of the process"},
    {"apparmor", 0, "PROFILE", "AppArmor profile of the process"},
    {"ignore-paused", 0, nullptr, "also into a paused container; it runs when that is resumed"},
    {"cgroup", 0, "[CTRL,...:]PATH", "a cgroup below the container's own; on v1 once a controller"},
};

constexpr Flag kFormatFlags[] = {{"format", 'f', "FORMAT", "table (default) or json"}};
constexpr Flag kListFlags[] = {kFormatFlags[0], {"quiet", 'q', nullptr, "only ids"}};

constexpr Flag kUpdateFlags[] = {
    {"resources", 'r', "FILE", "a JSON document like config.json's `linux.resources`; - is standard input"},
    {"memory", 0, "SIZE", "memory limit; -1: none"},
    {"memory-reservation", 0, "SIZE", "soft limit of memory; -1: none"},
    {"memory-swap", 0, "SIZE", "limit of memory and swap together; -1: none"},
    {"pids-limit", 0, "N", "how many processes; -1: any number"},
    {"cpu-period", 0, "US", "period of the CPU quota in microseconds"},
    {"cpu-quota", 0, "US", "CPU time in each period; -1: no limit"},
    {"cpu-burst", 0, "US", "CPU time that may be saved up"},
    {"cpu-share", 0, "N", "CPU weight, 2 to 262144"},
    {"cpu-idle", 0, "0|1", "1: only CPU time that nobody else wants"},
    {"cpu-rt-period", 0, "US", "not supported"},
    {"cpu-rt-runtime", 0, "US", "not supported"},
    {"cpuset-cpus", 0, "LIST", "which CPUs, 0-3,7"},
    {"cpuset-mems", 0, "LIST", "which memory nodes"},
    {"blkio-weight", 0, "N", "weight of block I/O, 10 to 1000"},
    {"l3-cache-schema", 0, "TEXT", "not supported"},
    {"mem-bw-schema", 0, "TEXT", "not supported"},
};

constexpr Flag kEventsFlags[] = {{"interval", 0, "DURATION", "how often, 500ms or 5s (default 5s)"},
                                 {"stats", 0, nullptr, "once, then end"}};
constexpr Flag kSpecFlags[] = {{"bundle", 'b', "DIR", "where to write it (default: the current directory)"},
                               {"rootless", 0, nullptr, "for a caller without privileges"}};

constexpr Command kCommands[] = {
    {"create", "ID", "make a container whose process waits to be started", kCreateFlags, 1, 1, SIZE_MAX,
     run_create, 1, true},
    {"start", "ID", "start the process of a container that was created", {}, 1, 1, SIZE_MAX, run_start},
    {"run", "ID", "create and start", kRunFlags, 1, 1, SIZE_MAX, run_run, 1, true},
    {"state", "ID", "print the state as JSON", {}, 1, 1, SIZE_MAX, run_state},
    {"kill", "ID [SIGNAL]", "send a signal (default TERM) to the first process", kKillFlags, 1, 2, SIZE_MAX,
     run_kill},
    {"delete", "ID...", "remove containers that have stopped", kDeleteFlags, 1, SIZE_MAX, SIZE_MAX,
     run_delete},
    {"exec", "ID COMMAND [ARG...]", "run one more process in a container", kExecFlags, 1, SIZE_MAX, 1,
     run_exec, 255, true},
    {"ps", "ID [PS-ARG...]", "print the processes of a container", kFormatFlags, 1, SIZE_MAX, 1, run_ps},
    {"list", "", "print the containers", kListFlags, 0, 0, SIZE_MAX, run_list},
    {"pause", "ID", "stop all processes of a container", {}, 1, 1, SIZE_MAX, run_pause},
    {"resume", "ID", "let them go on", {}, 1, 1, SIZE_MAX, run_resume},
    {"update", "ID", "change limits", kUpdateFlags, 1, 1, SIZE_MAX, run_update},
    {"events", "ID", "print statistics and out-of-memory events as JSON lines", kEventsFlags, 1, 1, SIZE_MAX,
     run_events},
    {"spec", "", "write a config.json to begin with", kSpecFlags, 0, 0, SIZE_MAX, run_spec},
    {"features", "", "print what this runtime can do as JSON", {}, 0, 0, SIZE_MAX, run_features},
    {"checkpoint", "", "not supported", {}, 0, SIZE_MAX, 0, run_checkpoint},
    {"restore", "", "not supported", {}, 0, SIZE_MAX, 0, run_checkpoint},
};

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

const Command* find_command(std::string_view name) {
    const auto* found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                     [&](const Command& c) { return name == c.name; });
    return found == std::end(kCommands) ? nullptr : found;
}

std::span<const Flag> global_flags() {
    return kGlobalFlags;
}

std::string overview_text() {
    std::string text = fmt::format(
        "stack-runtime {} - run containers by the OCI runtime specification\n\n"
        "Usage: stack-runtime [GLOBAL FLAGS] COMMAND [FLAGS] [ARGUMENTS]\n\nCommands:\n",
        kVersion);
    for (const Command& command : kCommands)
        text += fmt::format("   {:<12} {}\n", command.name, command.summary);
    return text + "\nGlobal flags:\n" + flags_text(kGlobalFlags);
}

std::string command_text(const Command& command) {
    std::string text =
        fmt::format("Usage: stack-runtime {} {}{}\n\n{}\n", command.name,
                    command.flags.empty() ? "" : "[FLAGS] ", command.arguments, command.summary);
    if (!command.flags.empty()) text += "\nFlags:\n" + flags_text(command.flags);
    return text;
}

}  // namespace stack::oci
