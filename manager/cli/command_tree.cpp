#include "manager/cli/command_tree.hpp"

#include "runtime/base/signals.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <signal.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace stack::cli {

namespace {

/// Gives the finished command once the flags have been read.
using Finish = std::function<Command()>;

struct Entry {
    std::string_view path, group, arguments, summary, details;
    Finish (*define)(CLI::App& app, GlobalOptions& globals);
};

// ---- small helpers, so that a command's definition reads like its help text ----

CLI::Option* text(CLI::App& app, const char* names, std::string& into, const char* value, const char* help) {
    return app.add_option(names, into, help)->type_name(value);
}

/// May be given several times, one value each.
CLI::Option* list(CLI::App& app, const char* names, std::vector<std::string>& into, const char* value,
                  const char* help) {
    return app.add_option(names, into, help)->type_name(value)->allow_extra_args(false)->take_all();
}

CLI::Option* flag(CLI::App& app, const char* names, bool& into, const char* help) {
    return app.add_flag(names, into, help);
}

/// A flag that turns `into` off.
CLI::Option* flag_off(CLI::App& app, const char* names, bool& into, const char* help) {
    return app.add_flag_function(
        names, [&into](std::int64_t count) { into = count <= 0; }, help);
}

/// Accepted for habit's sake, does nothing here.
void ignored_flag(CLI::App& app, const char* names) {
    app.add_flag_function(
           names, [](std::int64_t) {}, "")
        ->group("");
}

[[noreturn]] void bad_value(const char* name, const std::string& message) {
    throw CLI::ValidationError(name, message);
}

CLI::Option* choice(CLI::App& app, const char* name, std::string& into, std::vector<std::string> words,
                    const char* help) {
    const std::string shown = join(words, "|");
    return app
        .add_option_function<std::string>(
            name,
            [&into, words = std::move(words), name](const std::string& value) {
                if (std::find(words.begin(), words.end(), value) == words.end())
                    bad_value(name, fmt::format("must be one of {}, not '{}'", join(words, ", "), value));
                into = value;
            },
            help)
        ->type_name(shown);
}

/// Whole seconds from 0.
template <class Duration>
CLI::Option* seconds(CLI::App& app, const char* names, std::optional<Duration>& into, const char* help) {
    return app
        .add_option_function<std::string>(
            names,
            [&into](const std::string& value) {
                const std::optional<long long> count = parse_int(value);
                if (!count || *count < 0 || *count > 1'000'000'000)
                    bad_value("--timeout", fmt::format("'{}' is not a number of seconds", value));
                into = std::chrono::seconds{*count};
            },
            help)
        ->type_name("SECONDS");
}

CLI::Option* number(CLI::App& app, const char* name, int& into, int least, const char* help) {
    return app
        .add_option_function<std::string>(
            name,
            [&into, least, name](const std::string& value) {
                const std::optional<long long> count = parse_int(value);
                if (!count || *count < least || *count > 1'000'000)
                    bad_value(name, fmt::format("'{}' is not a number from {}", value, least));
                into = static_cast<int>(*count);
            },
            help)
        ->type_name("N");
}

/// `[SERVICE...]`
void services(CLI::App& app, std::vector<std::string>& into) {
    app.add_option("services", into)->type_name("SERVICE");
}
void services(CLI::App& app, std::set<std::string>& into) {
    app.add_option_function<std::vector<std::string>>(
           "services",
           [&into](const std::vector<std::string>& names) { into.insert(names.begin(), names.end()); })
        ->type_name("SERVICE");
}

void log_style(CLI::App& app, LogStyle& style) {
    flag_off(app, "--no-color", style.colour, "No colours in the prefix");
    flag_off(app, "--no-log-prefix", style.prefix, "Lines as the containers wrote them");
}

void dry_run(CLI::App& app, GlobalOptions& globals) {
    flag(app, "--dry-run", globals.dry_run, "Print the plan, change nothing");
}

/// Draft of a command and the function that hands it out: both live as long as the Finish.
template <class T>
Finish finish(std::shared_ptr<T> draft) {
    return [draft] { return Command{*draft}; };
}

// ---- the commands ----

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
    for (const char* name : {"--no-build", "--quiet-pull", "--quiet-build", "-y,--yes"})
        ignored_flag(app, name);
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

Finish define_version(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<VersionCommand>();
    flag(app, "--short", c->is_short, "Only the number");
    choice(app, "--format", c->format, {"pretty", "json"}, "Layout");
    return finish(c);
}

template <class T>
Finish finish_image(std::shared_ptr<T> draft) {
    return [draft] { return Command{ImageCommand{*draft}}; };
}

Finish define_image_import(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageImportCommand>();
    text(app, "--select", c->select, "NAME", "Which image of an archive that holds several");
    text(app, "--entrypoint", c->entrypoint, "WORDS", "Entrypoint, as words or a JSON list");
    text(app, "--command,--cmd", c->command, "WORDS", "Command, as words or a JSON list");
    list(app, "-e,--env", c->env, "KEY=VALUE", "Environment variable (repeatable)");
    text(app, "-w,--workdir", c->workdir, "DIR", "Working directory");
    text(app, "-u,--user", c->user, "USER[:GROUP]", "User");
    text(app, "--stop-signal", c->stop_signal, "SIGNAL", "Signal that asks it to stop");
    list(app, "-l,--label", c->labels, "KEY=VALUE", "Label (repeatable)");
    list(app, "--expose", c->expose, "PORT[/PROTOCOL]", "Port it listens on (repeatable)");
    flag(app, "-q,--quiet", c->quiet, "No progress");
    app.add_option("name", c->name)->required()->type_name("NAME");
    app.add_option("source", c->source)->required()->type_name("SOURCE");
    return finish_image(c);
}

Finish define_image_ls(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageLsCommand>();
    choice(app, "--format", c->format, {"table", "json"}, "Layout");
    flag(app, "-q,--quiet", c->quiet, "Only the ids");
    flag(app, "--no-trunc", c->no_trunc, "Whole ids");
    return finish_image(c);
}

Finish define_image_inspect(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageInspectCommand>();
    app.add_option("names", c->names)->required()->type_name("NAME");
    return finish_image(c);
}

Finish define_image_rm(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageRmCommand>();
    flag(app, "-f,--force", c->force, "Names that aren't there are no error");
    app.add_option("names", c->names)->required()->type_name("NAME");
    return finish_image(c);
}

Finish define_image_tag(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageTagCommand>();
    app.add_option("name", c->name)->required()->type_name("NAME");
    app.add_option("new-reference", c->new_reference)->required()->type_name("NEW");
    return finish_image(c);
}

constexpr std::string_view kRun = "Run a project", kLook = "Look at it", kImages = "Images",
                           kProgram = "This program";

constexpr Entry kEntries[] = {
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
    {"ps", kLook, "[FLAGS] [SERVICE...]", "List the containers of a project", "", define_ps},
    {"logs", kLook, "[FLAGS] [SERVICE...]", "Print what containers have written", "", define_logs},
    {"ls", kLook, "[FLAGS]", "List the projects on this host", "", define_ls},
    {"config", kLook, "[FLAGS] [SERVICE...]", "Check the Compose file and print what it means", "",
     define_config},
    {"image import", kImages, "[FLAGS] NAME SOURCE", "Take an image from an archive or a folder",
     "SOURCE is an OCI layout (folder or tar), an archive of `docker save`, or a root file system (folder or "
     "tar);\n"
     "`-` is stdin. The flags that set entrypoint, command and so on hold where SOURCE has no configuration.",
     define_image_import},
    {"image ls", kImages, "[FLAGS]", "List images", "", define_image_ls},
    {"image inspect", kImages, "NAME...", "Print images' configuration as JSON", "", define_image_inspect},
    {"image tag", kImages, "NAME NEW", "Give an image another name", "", define_image_tag},
    {"image rm", kImages, "[FLAGS] NAME...", "Remove images", "", define_image_rm},
    {"version", kProgram, "[FLAGS]", "Print the version", "", define_version},
};

const Entry& entry_of(std::string_view path) {
    for (const Entry& entry : kEntries)
        if (entry.path == path) return entry;
    throw CLI::HorribleError(fmt::format("no command '{}'", path));
}

struct GlobalsDraft {
    GlobalOptions options;
    std::string ansi = "auto", progress = "auto";
    bool version = false, no_ansi = false;
};

void define_globals(CLI::App& app, GlobalsDraft& d) {
    GlobalOptions& g = d.options;
    list(app, "-f,--file", g.files, "FILE", "Compose file (repeatable); - is stdin");
    text(app, "-p,--project-name", g.project_name, "NAME", "Name of the project");
    text(app, "--project-directory", g.project_directory, "DIR", "What relative paths start from");
    list(app, "--profile", g.profiles, "NAME", "Switch on a profile (repeatable); * is all");
    list(app, "--env-file", g.env_files, "FILE", "Variables, instead of .env (repeatable)");
    choice(app, "--ansi", d.ansi, {"auto", "never", "always"}, "Colours and cursor movements");
    choice(app, "--progress", d.progress, {"auto", "tty", "plain", "json", "quiet"}, "How steps are shown");
    number(app, "--parallel", g.parallel, -1, "Most operations at a time; -1 is no limit");
    flag(app, "--dry-run", g.dry_run, "Print the plan, change nothing");
    flag(app, "--verbose", g.verbose, "Say more about what this program does");
    text(app, "--root", g.root, "DIR", "Where images, volumes and records are");
    text(app, "--run-root", g.run_root, "DIR", "Where sockets are");
    flag(app, "-v,--version", d.version, "Print the version");
    flag(app, "--no-ansi", d.no_ansi, "")->group("");
}

/// The parser of one command, or of the global flags.
struct Parser {
    CLI::App app;
    GlobalsDraft draft;
    Finish finish;
};

std::unique_ptr<Parser> make_parser(std::string_view path, GlobalOptions& globals) {
    auto parser = std::make_unique<Parser>();
    parser->app.set_help_flag("-h,--help", "Print this help");
    parser->app.allow_windows_style_options(false);
    if (path.empty())
        define_globals(parser->app, parser->draft);
    else
        parser->finish = entry_of(path).define(parser->app, globals);
    return parser;
}

/// CLI11 takes the next word as the value of `--name=`; an empty value is meant, so it becomes a word of its
/// own. It also reads its vector backwards.
std::vector<std::string> words_for_cli11(const std::vector<std::string>& words) {
    std::vector<std::string> result;
    bool flags = true;
    for (const std::string& word : words) {
        if (word == "--") flags = false;
        if (flags && word.starts_with("--") && word.size() > 3 && word.find('=') == word.size() - 1) {
            result.push_back(word.substr(0, word.size() - 1));
            result.emplace_back();
        } else {
            result.push_back(word);
        }
    }
    std::reverse(result.begin(), result.end());
    return result;
}

ParseFailure failure_of_extras(const std::vector<std::string>& extras) {
    ParseFailure failure;
    for (const std::string& word : extras)
        if (word.size() > 1 && word[0] == '-' && word != "--") {
            failure.kind = ParseFailure::Kind::unknown_flag;
            failure.word = word.substr(0, word.find('='));
            return failure;
        }
    failure.kind = ParseFailure::Kind::unexpected_argument;
    failure.word = extras.empty() ? std::string{} : extras.front();
    return failure;
}

/// "--timeout: 1 required SECONDS missing" and the like, in this program's words.
ParseFailure failure_of(const CLI::ParseError& error, CLI::App& app) {
    if (dynamic_cast<const CLI::ExtrasError*>(&error)) return failure_of_extras(app.remaining());
    ParseFailure failure;
    failure.message = error.what();
    const std::size_t colon = failure.message.find(':');
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) && colon != std::string::npos)
        failure.message = fmt::format("{} needs a value", failure.message.substr(0, colon));
    else if (dynamic_cast<const CLI::RequiredError*>(&error))
        failure.message =
            fmt::format("{} is missing", to_lower(failure.message.substr(0, failure.message.find(' '))));
    return failure;
}

AnsiMode ansi_mode(const std::string& word) {
    if (word == "always") return AnsiMode::always;
    return word == "never" ? AnsiMode::never : AnsiMode::automatic;
}

ProgressMode progress_mode(const std::string& word) {
    if (word == "tty") return ProgressMode::tty;
    if (word == "plain") return ProgressMode::plain;
    if (word == "json") return ProgressMode::json;
    return word == "quiet" ? ProgressMode::quiet : ProgressMode::automatic;
}

std::vector<FlagHelp> describe_flags(CLI::App& app) {
    std::vector<FlagHelp> flags;
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_positional() || option->get_group().empty()) continue;
        FlagHelp flag;
        if (!option->get_snames().empty()) flag.short_name = "-" + option->get_snames().front();
        if (!option->get_lnames().empty()) flag.long_name = "--" + option->get_lnames().front();
        if (option->get_items_expected_max() > 0) flag.value = option->get_type_name();
        flag.description = option->get_description();
        flags.push_back(std::move(flag));
    }
    std::rotate(flags.begin(), flags.begin() + 1, flags.end());  // --help comes last
    return flags;
}

}  // namespace

std::vector<std::string_view> command_paths() {
    std::vector<std::string_view> paths;
    for (const Entry& entry : kEntries) paths.push_back(entry.path);
    return paths;
}

std::size_t count_leading_flags(std::string_view path, const std::vector<std::string>& words) {
    GlobalOptions unused;
    const std::unique_ptr<Parser> parser = make_parser(path, unused);
    const auto takes_value = [&](const std::string& name) {
        const CLI::Option* option = parser->app.get_option_no_throw(name);
        return option && option->get_items_expected_max() > 0;
    };
    std::size_t i = 0;
    while (i < words.size()) {
        const std::string& word = words[i];
        if (word == "--") return i + 1;
        if (word.size() < 2 || word[0] != '-') return i;
        std::size_t used = 1;
        if (word.starts_with("--")) {
            if (word.find('=') == std::string::npos && takes_value(word)) used = 2;
        } else {
            // a cluster such as -Te K=V: the first letter that takes a value takes the rest, or the next word
            for (std::size_t k = 1; k < word.size(); ++k) {
                if (!takes_value(std::string{'-', word[k]})) continue;
                if (k + 1 == word.size()) used = 2;
                break;
            }
        }
        i += used;
    }
    return words.size();
}

std::variant<GlobalOptions, ParseFailure, HelpWanted, VersionWanted> parse_globals(
    const std::vector<std::string>& words) {
    GlobalOptions unused;
    const std::unique_ptr<Parser> parser = make_parser("", unused);
    try {
        std::vector<std::string> reversed = words_for_cli11(words);
        parser->app.parse(reversed);
    } catch (const CLI::CallForHelp&) {
        return HelpWanted{};
    } catch (const CLI::ParseError& error) {
        return failure_of(error, parser->app);
    }
    GlobalsDraft& draft = parser->draft;
    if (draft.version) return VersionWanted{};
    draft.options.ansi = draft.no_ansi ? AnsiMode::never : ansi_mode(draft.ansi);
    draft.options.progress = progress_mode(draft.progress);
    return std::move(draft.options);
}

std::variant<Command, ParseFailure, HelpWanted> parse_command(std::string_view path,
                                                              const std::vector<std::string>& words,
                                                              GlobalOptions& globals) {
    const std::unique_ptr<Parser> parser = make_parser(path, globals);
    try {
        std::vector<std::string> reversed = words_for_cli11(words);
        parser->app.parse(reversed);
        return parser->finish();
    } catch (const CLI::CallForHelp&) {
        return HelpWanted{};
    } catch (const CLI::ParseError& error) {
        return failure_of(error, parser->app);
    }
}

std::vector<std::string> flag_names(std::string_view path) {
    GlobalOptions unused;
    const std::unique_ptr<Parser> parser = make_parser(path, unused);
    std::vector<std::string> names;
    for (const FlagHelp& flag : describe_flags(parser->app)) {
        if (!flag.long_name.empty()) names.push_back(flag.long_name);
        if (!flag.short_name.empty()) names.push_back(flag.short_name);
    }
    return names;
}

CommandHelp describe_command(std::string_view path) {
    GlobalOptions unused;
    const Entry& entry = entry_of(path);
    const std::unique_ptr<Parser> parser = make_parser(path, unused);
    return {std::string{entry.path},    std::string{entry.group},   std::string{entry.arguments},
            std::string{entry.summary}, std::string{entry.details}, describe_flags(parser->app)};
}

ProgramHelp describe_program() {
    GlobalOptions unused;
    ProgramHelp program;
    program.global_flags = describe_flags(make_parser("", unused)->app);
    for (const Entry& entry : kEntries) program.commands.push_back(describe_command(entry.path));
    return program;
}

}  // namespace stack::cli
