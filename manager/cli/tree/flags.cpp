#include "manager/cli/tree/flags.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <utility>

#include <CLI/App.hpp>
#include <fmt/format.h>

namespace stack::cli::tree {

void bad_value(const char* name, const std::string& message) {
    throw CLI::ValidationError(name, message);
}

namespace {

template <class Duration>
CLI::Option* add_seconds(CLI::App& app, const char* names, std::optional<Duration>& into, const char* help) {
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

}  // namespace

CLI::Option* text(CLI::App& app, const char* names, std::string& into, const char* value, const char* help) {
    return app.add_option(names, into, help)->type_name(value);
}

CLI::Option* list(CLI::App& app, const char* names, std::vector<std::string>& into, const char* value,
                  const char* help) {
    return app.add_option(names, into, help)->type_name(value)->allow_extra_args(false)->take_all();
}

CLI::Option* flag(CLI::App& app, const char* names, bool& into, const char* help) {
    return app.add_flag(names, into, help);
}

CLI::Option* flag_off(CLI::App& app, const char* names, bool& into, const char* help) {
    return app.add_flag_function(
        names, [&into](std::int64_t count) { into = count <= 0; }, help);
}

void ignored_flag(CLI::App& app, const char* names) {
    app.add_flag_function(
           names, [](std::int64_t) {}, "")
        ->group("");
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

CLI::Option* seconds(CLI::App& app, const char* names, std::optional<std::chrono::seconds>& into,
                     const char* help) {
    return add_seconds(app, names, into, help);
}
CLI::Option* seconds(CLI::App& app, const char* names, std::optional<std::chrono::nanoseconds>& into,
                     const char* help) {
    return add_seconds(app, names, into, help);
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

}  // namespace stack::cli::tree
