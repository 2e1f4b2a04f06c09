#include "manager/cli/command_line.hpp"

#include "manager/cli/command_tree.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace stack::cli {

namespace {

using Words = std::vector<std::string>;

/// Commands and flags of Compose that are known and still missing here: their users deserve a clear word.
constexpr std::array<std::string_view, 21> kMissingCommands{
    "alpha",   "attach", "bridge", "build", "commit", "cp",  "create",  "events", "export", "pause",  "port",
    "publish", "rm",     "run",    "scale", "stats",  "top", "unpause", "wait",   "watch",  "systemd"};

struct MissingFlag {
    std::string_view path, flag;
};
constexpr MissingFlag kMissingFlags[] = {
    {"", "--compatibility"},
    {"", "--all-resources"},
    {"up", "--build"},
    {"up", "--always-recreate-deps"},
    {"up", "--renew-anon-volumes"},
    {"up", "-V"},
    {"up", "--watch"},
    {"up", "-w"},
    {"up", "--menu"},
    {"down", "--rmi"},
    {"ps", "--filter"},
    {"ps", "--orphans"},
    {"ps", "--no-trunc"},
    {"start", "--wait"},
    {"start", "--wait-timeout"},
    {"kill", "--remove-orphans"},
    {"config", "--resolve-image-digests"},
    {"config", "--lock-image-digests"},
    {"ls", "--filter"},
};

bool is_group(std::string_view word) {
    return word == "image" || word == "volume";
}

bool is_command(std::string_view path) {
    const std::vector<std::string_view> paths = command_paths();
    return std::find(paths.begin(), paths.end(), path) != paths.end();
}

std::string try_help(std::string_view path) {
    return path.empty() ? "`stack help` lists the commands"
                        : fmt::format("`stack {} --help` lists its flags", path);
}

UsageError not_yet(const std::string& what) {
    return {fmt::format("{} is not supported yet", what), {}, 1};
}

UsageError unknown_command(const std::string& word, const std::string& group) {
    if (group.empty() &&
        std::find(kMissingCommands.begin(), kMissingCommands.end(), word) != kMissingCommands.end())
        return not_yet(fmt::format("`stack {}`", word));
    Words candidates{};
    for (const std::string_view path : command_paths()) {
        std::string name{path};
        if (!group.empty()) {
            if (!name.starts_with(group + " ")) continue;
            name.erase(0, group.size() + 1);
        }
        candidates.push_back(name.substr(0, name.find(' ')));
    }
    if (group.empty()) candidates.insert(candidates.end(), {"help", "completion"});
    UsageError error{fmt::format("unknown command '{}'", group.empty() ? word : group + " " + word),
                     try_help({})};
    const std::string before = group.empty() ? "" : group + " ";
    if (const std::optional<std::string> near = nearest(word, candidates))
        error.hint = fmt::format("did you mean `stack {}{}`?", before, *near);
    return error;
}

bool contains(const Words& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

UsageError unknown_flag(std::string_view path, const std::string& word) {
    for (const MissingFlag& missing : kMissingFlags)
        if (missing.path == path && missing.flag == word)
            return not_yet(path.empty() ? fmt::format("`{}`", word)
                                        : fmt::format("`{}` of `stack {}`", word, path));
    UsageError error;
    error.message = path.empty() ? fmt::format("unknown flag '{}'", word)
                                 : fmt::format("unknown flag '{}' for `stack {}`", word, path);
    error.hint = try_help(path);
    const Words own = flag_names(path);
    const Words global = path.empty() ? Words{} : flag_names("");
    if (contains(global, word))
        error.hint = fmt::format("`{}` is a global flag and goes before the command: `stack {} … {}`", word,
                                 word, path);
    else if (const std::optional<std::string> near = nearest(word, own))
        error.hint = fmt::format("did you mean `{}`?", *near);
    return error;
}

UsageError usage_error(std::string_view path, const ParseFailure& failure) {
    switch (failure.kind) {
        case ParseFailure::Kind::unknown_flag:
            return unknown_flag(path, failure.word);
        case ParseFailure::Kind::unexpected_argument:
            return {fmt::format("unexpected argument '{}' for `stack {}`", failure.word, path),
                    try_help(path)};
        case ParseFailure::Kind::bad_value:
            break;
    }
    return {failure.message, try_help(path)};
}

Text overview() {
    return {overview_text(describe_program())};
}

ParsedCommandLine help_about(const Words& words) {
    if (words.empty()) return overview();
    const std::string path = words.size() > 1 ? words[0] + " " + words[1] : words[0];
    if (is_command(path)) return Text{command_text(describe_command(path))};
    if (is_group(words[0])) {
        if (words.size() == 1) return Text{group_text(describe_program(), words[0])};
        return unknown_command(words[1], words[0]);
    }
    if (is_command(words[0])) return Text{command_text(describe_command(words[0]))};
    return unknown_command(words[0], {});
}

ParsedCommandLine completion(const Words& words) {
    const std::string shell = words.empty() ? "" : words[0];
    if (shell == "bash") return Text{bash_completion(describe_program())};
    if (shell == "zsh") return Text{zsh_completion(describe_program())};
    if (shell == "fish") return Text{fish_completion(describe_program())};
    if (shell == "man") return Text{manual_page(describe_program())};
    return UsageError{"`stack completion` needs a shell: bash, zsh or fish",
                      "for bash: `stack completion bash > /etc/bash_completion.d/stack`"};
}

/// Everything from the service on is not for the parser: it goes into the command as it stands.
ParsedCommandLine parse_exec(GlobalOptions globals, const Words& words) {
    const std::size_t flags = count_leading_flags("exec", words);
    Words own(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(std::min(flags, words.size())));
    if (!own.empty() && own.back() == "--") own.pop_back();
    auto parsed = parse_command("exec", own, globals);
    if (std::holds_alternative<HelpWanted>(parsed)) return help_about({"exec"});
    if (const auto* failure = std::get_if<ParseFailure>(&parsed)) return usage_error("exec", *failure);
    ExecCommand command = std::get<ExecCommand>(std::get<Command>(std::move(parsed)));
    if (words.size() < flags + 2)
        return UsageError{"`stack exec` needs a service and a command", "for example: `stack exec web sh`"};
    command.service = words[flags];
    command.argv.assign(words.begin() + static_cast<std::ptrdiff_t>(flags) + 1, words.end());
    return Invocation{std::move(globals), std::move(command)};
}

ParsedCommandLine parse_with_globals(GlobalOptions globals, std::string path, Words words) {
    if (path == "help") return help_about(words);
    if (path == "completion") return completion(words);
    if (path == "convert") path = "config";
    if (is_group(path)) {
        if (words.empty() || words[0] == "-h" || words[0] == "--help" || words[0] == "help")
            return help_about({path});
        const std::string sub = words[0] == "list" ? "ls" : words[0];
        if (!is_command(path + " " + sub)) return unknown_command(words[0], path);
        path += " " + sub;
        words.erase(words.begin());
    }
    if (!is_command(path)) return unknown_command(path, {});
    if (path == "exec") return parse_exec(std::move(globals), words);
    auto parsed = parse_command(path, words, globals);
    if (std::holds_alternative<HelpWanted>(parsed)) return Text{command_text(describe_command(path))};
    if (const auto* failure = std::get_if<ParseFailure>(&parsed)) return usage_error(path, *failure);
    return Invocation{std::move(globals), std::get<Command>(std::move(parsed))};
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
    const std::size_t position = count_leading_flags("", arguments);
    const Words global_words(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                        position, arguments.size())));
    auto globals = parse_globals(global_words);
    if (std::holds_alternative<HelpWanted>(globals)) return overview();
    if (std::holds_alternative<VersionWanted>(globals)) return Invocation{{}, VersionCommand{}};
    if (const auto* failure = std::get_if<ParseFailure>(&globals)) return usage_error({}, *failure);
    if (position >= arguments.size()) return overview();
    return parse_with_globals(
        std::get<GlobalOptions>(std::move(globals)), arguments[position],
        {arguments.begin() + static_cast<std::ptrdiff_t>(position) + 1, arguments.end()});
}

}  // namespace stack::cli
