// What the user asked for, as values: the result of reading the command line (command_line.hpp) and the input
// of the commands (commands.hpp).
#pragma once

#include "manager/cli/image_options.hpp"
#include "manager/cli/store_options.hpp"
#include "manager/plan/planner.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace stack::cli {

enum class AnsiMode { automatic, always, never };
enum class ProgressMode { automatic, tty, plain, json, quiet };

struct GlobalOptions {
    std::vector<std::string> files;  ///< `-` is stdin
    std::string project_name, project_directory;
    std::vector<std::string> profiles, env_files;
    AnsiMode ansi = AnsiMode::automatic;
    ProgressMode progress = ProgressMode::automatic;
    int parallel = 0;  ///< 0: not said; -1: no limit
    bool dry_run = false, verbose = false;
    bool offline = false;  ///< no registry is asked
    std::string root, run_root;
    bool operator==(const GlobalOptions&) const = default;
};

/// How log lines are shown, the same in `up` and `logs`.
struct LogStyle {
    bool colour = true, prefix = true, timestamps = false;
    bool operator==(const LogStyle&) const = default;
};

struct UpCommand {
    plan::UpOptions options;
    bool detach = false, wait = false;
    std::optional<std::chrono::seconds> wait_timeout;
    LogStyle style;
    std::vector<std::string> attach, no_attach;
    bool attach_dependencies = false;
    bool abort_on_exit = false, abort_on_failure = false;
    std::string exit_code_from;
    std::string pull;  ///< always, missing, never; empty: what the services say
    bool quiet_pull = false;
    bool operator==(const UpCommand&) const = default;
};

struct DownCommand {
    plan::DownOptions options;
    bool operator==(const DownCommand&) const = default;
};

/// start, stop, restart, kill.
struct SelectCommand {
    enum class Verb { start, stop, restart, kill } verb = Verb::start;
    plan::SelectOptions options;
    bool operator==(const SelectCommand&) const = default;
};

struct PsCommand {
    std::vector<std::string> services;
    bool all = false, quiet = false, services_only = false;
    std::string format = "table";       ///< table, json
    std::vector<std::string> statuses;  ///< implies `all`
    bool operator==(const PsCommand&) const = default;
};

struct LogsCommand {
    std::vector<std::string> services;
    bool follow = false;
    std::optional<std::size_t> tail;  ///< nullopt: all
    std::string since, until;         ///< time or age, read by the command
    int index = 0;                    ///< one replica; 0: all
    LogStyle style;
    bool operator==(const LogsCommand&) const = default;
};

struct ExecCommand {
    std::string service;
    std::vector<std::string> argv;
    std::vector<std::string> env;
    std::string user, workdir;
    int index = 0;
    bool no_tty = false, interactive = true, detach = false, privileged = false;
    bool operator==(const ExecCommand&) const = default;
};

struct ConfigCommand {
    enum class Show {
        model,
        services,
        volumes,
        networks,
        images,
        profiles,
        models,
        hash,
        environment,
        variables,
        explanation
    } show = Show::model;
    std::vector<std::string> services;
    std::string format = "yaml";  ///< yaml, json
    std::string hash;             ///< service or `*`
    std::string explain;          ///< path of a value
    bool sources = false;         ///< say behind each value where it comes from
    bool quiet = false, all_resources = false;
    // Phases of the load that may be left out.
    bool interpolate = true, normalize = true, resolve_paths = true, resolve_environment = true,
         check_consistency = true;
    std::string output;  ///< file; empty: stdout
    bool operator==(const ConfigCommand&) const = default;
};

struct LsCommand {
    bool all = false, quiet = false;
    std::string format = "table";
    bool operator==(const LsCommand&) const = default;
};

struct VersionCommand {
    bool is_short = false;
    std::string format = "pretty";
    bool operator==(const VersionCommand&) const = default;
};

using Command =
    std::variant<UpCommand, DownCommand, SelectCommand, PsCommand, LogsCommand, ExecCommand, ConfigCommand,
                 LsCommand, PullCommand, PushCommand, ImagesCommand, ImageCommand, LoginCommand,
                 LogoutCommand, DfCommand, GcCommand, VolumeCommand, VolumesCommand, VersionCommand>;

struct Invocation {
    GlobalOptions globals;
    Command command;
    bool operator==(const Invocation&) const = default;
};

}  // namespace stack::cli
