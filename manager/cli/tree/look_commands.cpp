// Commands that look at projects: ps, logs, ls, config.
#include "manager/cli/tree/entry.hpp"
#include "manager/cli/tree/flags.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <memory>

#include <CLI/App.hpp>
#include <fmt/format.h>

namespace stack::cli::tree {

namespace {

Finish define_ps(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<PsCommand>();
    flag(app, "-a,--all", c->all, "Stopped containers too");
    flag(app, "-q,--quiet", c->quiet, "Only the ids");
    flag(app, "--services", c->services_only, "Only the names of the services");
    choice(app, "--format", c->format, {"table", "json"}, "Layout; json prints one object a line");
    list(app, "--status", c->statuses, "STATUS",
         "Only containers that are paused, restarting, running, dead, created or exited (repeatable)");
    services(app, c->services);
    return [c] {
        static const std::vector<std::string> words{"paused", "restarting", "removing", "running",
                                                    "dead",   "created",    "exited"};
        for (const std::string& status : c->statuses)
            if (std::find(words.begin(), words.end(), status) == words.end())
                bad_value("--status", fmt::format("must be one of {}, not '{}'", join(words, ", "), status));
        return Command{*c};
    };
}

Finish define_logs(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<LogsCommand>();
    flag(app, "-f,--follow", c->follow, "Go on with new lines until everything has stopped");
    app.add_option_function<std::string>(
           "-n,--tail",
           [c = c.get()](const std::string& value) {
               const std::optional<long long> count = parse_int(value);
               if (value == "all")
                   c->tail.reset();
               else if (count && *count >= 0)
                   c->tail = static_cast<std::size_t>(*count);
               else
                   bad_value("--tail", fmt::format("'{}' is neither a number of lines nor `all`", value));
           },
           "Last lines of each container, or `all`")
        ->type_name("N");
    flag(app, "-t,--timestamps", c->style.timestamps, "Put the time before each line");
    text(app, "--since", c->since, "TIME", "Lines from this time (2026-01-02T03:04:05Z) or age (42m) on");
    text(app, "--until", c->until, "TIME", "Lines up to this time or age");
    log_style(app, c->style);
    number(app, "--index", c->index, 1, "One replica of the service");
    services(app, c->services);
    return [c] {
        if (c->index > 0 && c->services.size() != 1) bad_value("--index", "needs exactly one service");
        return Command{*c};
    };
}

Finish define_config(CLI::App& app, GlobalOptions&) {
    using Show = ConfigCommand::Show;
    auto c = std::make_shared<ConfigCommand>();
    choice(app, "--format", c->format, {"yaml", "json"}, "Layout of the model");
    flag(app, "-q,--quiet", c->quiet, "Only check; print nothing");
    const auto show = [&](const char* name, Show what, const char* help) {
        app.add_flag_function(
            name, [c = c.get(), what](std::int64_t) { c->show = what; }, help);
    };
    show("--services", Show::services, "Names of the services");
    show("--volumes", Show::volumes, "Names of the volumes");
    show("--networks", Show::networks, "Names of the networks");
    show("--images", Show::images, "Names of the images");
    show("--profiles", Show::profiles, "Names of all profiles");
    show("--models", Show::models, "Names of the models");
    show("--environment", Show::environment, "Variables that ${…} sees");
    show("--variables", Show::variables, "Variables that the files ask for, with their defaults");
    app.add_option_function<std::string>(
           "--explain",
           [c = c.get()](const std::string& value) {
               c->show = Show::explanation;
               c->explain = value;
           },
           "Where a value comes from, such as services.web.image; everything below it too")
        ->type_name("PATH");
    flag(app, "--sources", c->sources, "Say behind each value which place it comes from");
    app.add_option_function<std::string>(
           "--hash",
           [c = c.get()](const std::string& value) {
               c->show = Show::hash;
               c->hash = value;
           },
           "Configuration hash of a service, or of all with `*`")
        ->type_name("SERVICE");
    flag(app, "--all-resources", c->all_resources, "Also networks and volumes that no service uses");
    flag_off(app, "--no-interpolate", c->interpolate, "Leave ${…} as it is");
    flag_off(app, "--no-normalize", c->normalize,
             "Leave out names, the default network and implied dependencies");
    flag_off(app, "--no-path-resolution", c->resolve_paths, "Leave relative paths as they are");
    flag_off(app, "--no-env-resolution", c->resolve_environment,
             "Don't read env_file, nor look up variables");
    flag_off(app, "--no-consistency", c->check_consistency, "Don't check references");
    text(app, "-o,--output", c->output, "FILE", "Write there instead of stdout");
    services(app, c->services);
    return finish(c);
}

Finish define_ls(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<LsCommand>();
    flag(app, "-a,--all", c->all, "Stopped projects too");
    flag(app, "-q,--quiet", c->quiet, "Only the names");
    choice(app, "--format", c->format, {"table", "json"}, "Layout");
    return finish(c);
}

constexpr Entry kLookCommands[] = {
    {"ps", kLook, "[FLAGS] [SERVICE...]", "List the containers of a project", "", define_ps},
    {"logs", kLook, "[FLAGS] [SERVICE...]", "Print what containers have written", "", define_logs},
    {"ls", kLook, "[FLAGS]", "List the projects on this host", "", define_ls},
    {"config", kLook, "[FLAGS] [SERVICE...]", "Check the Compose file and print what it means", "",
     define_config},
};

}  // namespace

std::span<const Entry> look_commands() {
    return kLookCommands;
}

}  // namespace stack::cli::tree
