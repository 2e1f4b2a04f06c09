// Commands that change what runs: up, down, start, stop, restart, kill, exec.
#include "manager/cli/tree/entry.hpp"
#include "manager/cli/tree/flags.hpp"
#include "runtime/base/signals.hpp"
#include "runtime/base/text.hpp"

#include <signal.h>

#include <memory>

#include <CLI/App.hpp>
#include <fmt/format.h>

namespace stack::cli::tree {

namespace {

void add_scale(CLI::App& app, plan::UpOptions& options) {
    app.add_option_function<std::vector<std::string>>(
           "--scale",
           [&options](const std::vector<std::string>& values) {
               for (const std::string& value : values) {
                   const std::size_t equals = value.find('=');
                   const std::optional<long long> count =
                       equals == std::string::npos ? std::nullopt : parse_int(value.substr(equals + 1));
                   if (!count || equals == 0 || *count < 0 || *count > 10'000)
                       bad_value("--scale", fmt::format("'{}' is not SERVICE=NUMBER", value));
                   options.scale[value.substr(0, equals)] = static_cast<int>(*count);
               }
           },
           "Number of containers of a service; beats the file")
        ->type_name("SERVICE=N")
        ->allow_extra_args(false)
        ->take_all();
}

void pull_policy(CLI::App& app, std::string& into) {
    app.add_option_function<std::string>(
           "--pull",
           [&into](const std::string& value) {
               const std::vector<std::string> words{"always", "missing", "never", "policy"};
               if (std::find(words.begin(), words.end(), value) == words.end())
                   bad_value("--pull", fmt::format("must be one of {}, not '{}'", join(words, ", "), value));
               into = value == "policy" ? "" : value;
           },
           "When images are fetched; `policy`: as the services say")
        ->type_name("always|missing|never|policy");
}

void check_up(const UpCommand& c) {
    const bool watches = c.abort_on_exit || c.abort_on_failure;
    if (c.options.force_recreate && c.options.no_recreate)
        bad_value("--force-recreate", "can't be used together with --no-recreate");
    if (watches && (c.detach || c.wait))
        bad_value("--abort-on-container-exit", "needs `up` in the foreground, without -d and --wait");
    if (!c.options.start && c.wait) bad_value("--no-start", "can't be used together with --wait");
}

Finish define_up(CLI::App& app, GlobalOptions& globals) {
    auto c = std::make_shared<UpCommand>();
    plan::UpOptions& o = c->options;
    flag(app, "-d,--detach", c->detach, "Return when everything is started; print no logs");
    flag(app, "--wait", c->wait, "Return when every service is running, or healthy if it has a check");
    seconds(app, "--wait-timeout", c->wait_timeout, "Limit for --wait");
    add_scale(app, o);
    flag(app, "--force-recreate", o.force_recreate, "Recreate containers even if nothing changed");
    flag(app, "--no-recreate", o.no_recreate, "Keep existing containers even if their configuration changed");
    flag(app, "--no-deps", o.no_deps, "Leave out the services that the named ones depend on");
    flag_off(app, "--no-start", o.start, "Create the containers, don't start them");
    flag(app, "--remove-orphans", o.remove_orphans,
         "Remove containers of services that the file no longer has");
    seconds(app, "-t,--timeout", o.timeout, "Time to stop before a container is killed");
    flag(app, "--abort-on-container-exit", c->abort_on_exit, "Stop everything when the first container ends");
    flag(app, "--abort-on-container-failure", c->abort_on_failure,
         "Stop everything when a container ends with a code other than 0");
    text(app, "--exit-code-from", c->exit_code_from, "SERVICE",
         "Return this service's exit code; implies --abort-on-container-exit");
    list(app, "--attach", c->attach, "SERVICE", "Show the logs of this service only (repeatable)");
    list(app, "--no-attach", c->no_attach, "SERVICE", "Don't show the logs of this service (repeatable)");
    flag(app, "--attach-dependencies", c->attach_dependencies, "Show the logs of dependencies too");
    log_style(app, c->style);
    flag(app, "--timestamps", c->style.timestamps, "Put the time before each line");
    dry_run(app, globals);
    pull_policy(app, c->pull);
    flag(app, "--quiet-pull", c->quiet_pull, "Show nothing while images are fetched");
    for (const char* name : {"--no-build", "--quiet-build", "-y,--yes"}) ignored_flag(app, name);
    services(app, o.services);
    return [c] {
        if (!c->exit_code_from.empty() && !c->abort_on_failure) c->abort_on_exit = true;
        check_up(*c);
        return Command{*c};
    };
}

Finish define_down(CLI::App& app, GlobalOptions& globals) {
    auto c = std::make_shared<DownCommand>();
    flag(app, "-v,--volumes", c->options.volumes,
         "Remove named and anonymous volumes too, never external ones");
    flag(app, "--remove-orphans", c->options.remove_orphans,
         "Remove containers of services that the file no longer has");
    seconds(app, "-t,--timeout", c->options.timeout, "Time to stop before a container is killed");
    dry_run(app, globals);
    services(app, c->options.services);
    return finish(c);
}

std::shared_ptr<SelectCommand> make_select(CLI::App& app, GlobalOptions& globals, SelectCommand::Verb verb) {
    auto c = std::make_shared<SelectCommand>();
    c->verb = verb;
    dry_run(app, globals);
    services(app, c->options.services);
    return c;
}

Finish define_start(CLI::App& app, GlobalOptions& globals) {
    return finish(make_select(app, globals, SelectCommand::Verb::start));
}

Finish define_stop(CLI::App& app, GlobalOptions& globals) {
    auto c = make_select(app, globals, SelectCommand::Verb::stop);
    seconds(app, "-t,--timeout", c->options.timeout, "Time to stop before a container is killed");
    return finish(c);
}

Finish define_restart(CLI::App& app, GlobalOptions& globals) {
    auto c = make_select(app, globals, SelectCommand::Verb::restart);
    seconds(app, "-t,--timeout", c->options.timeout, "Time to stop before a container is killed");
    flag(app, "--no-deps", c->options.no_deps, "Leave dependants with `restart: true` alone");
    return finish(c);
}

Finish define_kill(CLI::App& app, GlobalOptions& globals) {
    auto c = make_select(app, globals, SelectCommand::Verb::kill);
    app.add_option_function<std::string>(
           "-s,--signal",
           [c = c.get()](const std::string& value) {
               const std::optional<int> signal = parse_signal(value);
               if (!signal) bad_value("--signal", fmt::format("'{}' is not a signal", value));
               c->options.signal = *signal;
           },
           "Signal to send (SIGKILL)")
        ->type_name("SIGNAL");
    return finish(c);
}

Finish define_exec(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ExecCommand>();
    flag(app, "-d,--detach", c->detach, "Leave it running in the background");
    list(app, "-e,--env", c->env, "KEY=VALUE", "Environment variable (repeatable)");
    number(app, "--index", c->index, 1, "Which replica; the lowest running one by default");
    flag(app, "-T,--no-tty", c->no_tty, "No terminal, even if this one could be passed on");
    text(app, "-u,--user", c->user, "USER[:GROUP]", "User inside the container");
    text(app, "-w,--workdir", c->workdir, "DIR", "Directory inside the container");
    flag(app, "--privileged", c->privileged, "")->group("");
    flag(app, "-i,--interactive", c->interactive, "")->group("");
    ignored_flag(app, "-t,--tty");
    app.add_option_function<std::vector<std::string>>("words",
                                                      [c = c.get()](const std::vector<std::string>&) {})
        ->type_name("WORD");
    return finish(c);
}

constexpr Entry kRunCommands[] = {
    {"up", kRun, "[FLAGS] [SERVICE...]", "Create and start services, in the order they depend on each other",
     "Changes only what differs from the file: what is as it should be is left running. In the foreground it "
     "prints\n"
     "the containers' output; Ctrl-C stops them, a second Ctrl-C kills them.",
     define_up},
    {"down", kRun, "[FLAGS] [SERVICE...]", "Stop and remove containers and networks; named volumes stay", "",
     define_down},
    {"start", kRun, "[FLAGS] [SERVICE...]", "Start existing containers", "", define_start},
    {"stop", kRun, "[FLAGS] [SERVICE...]", "Stop containers, keep them", "", define_stop},
    {"restart", kRun, "[FLAGS] [SERVICE...]", "Stop and start the same containers", "", define_restart},
    {"kill", kRun, "[FLAGS] [SERVICE...]", "Send a signal to containers", "", define_kill},
    {"exec", kRun, "[FLAGS] SERVICE COMMAND [ARG...]", "Run a command in a running container",
     "Gets a terminal when stdin and stdout are terminals; exits with the command's code.", define_exec},
};

}  // namespace

std::span<const Entry> run_commands() {
    return kRunCommands;
}

}  // namespace stack::cli::tree
