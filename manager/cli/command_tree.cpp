#include "manager/cli/command_tree.hpp"

#include "manager/cli/tree/entry.hpp"
#include "manager/cli/tree/flags.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace stack::cli {

namespace {

using namespace tree;

/// Every command, in the order of the overview.
const std::vector<const Entry*>& all_entries() {
    static const std::vector<const Entry*> entries = [] {
        std::vector<const Entry*> all;
        for (const auto& family : {run_commands(), look_commands(), pull_commands(), image_commands(),
                                   store_commands(), program_commands()})
            for (const Entry& entry : family) all.push_back(&entry);
        return all;
    }();
    return entries;
}

const Entry& entry_of(std::string_view path) {
    for (const Entry* entry : all_entries())
        if (entry->path == path) return *entry;
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
    flag(app, "--offline", g.offline, "Ask no registry: what is not here is an error");
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
    for (const Entry* entry : all_entries()) paths.push_back(entry->path);
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
    for (const Entry* entry : all_entries()) program.commands.push_back(describe_command(entry->path));
    return program;
}

}  // namespace stack::cli
