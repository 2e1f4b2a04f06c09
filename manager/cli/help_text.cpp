#include "manager/cli/command_help.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::cli {

namespace {

std::string flag_column(const FlagHelp& flag) {
    std::string column =
        flag.short_name.empty() ? "    " : flag.short_name + (flag.long_name.empty() ? "" : ", ");
    column += flag.long_name;
    if (!flag.value.empty()) column += " " + flag.value;
    return column;
}

std::string flags_text(const std::vector<FlagHelp>& flags) {
    constexpr std::size_t kWidest = 34;
    std::size_t width = 0;
    for (const FlagHelp& flag : flags) {
        const std::size_t own = flag_column(flag).size();
        if (own <= kWidest) width = std::max(width, own);
    }
    std::string text;
    for (const FlagHelp& flag : flags) {
        const std::string column = flag_column(flag);
        if (column.size() > width)
            text += fmt::format("  {}\n  {:{}}  {}\n", column, "", width, flag.description);
        else
            text += fmt::format("  {:{}}  {}\n", column, width, flag.description);
    }
    return text;
}

std::string commands_text(const std::vector<const CommandHelp*>& commands, std::size_t width) {
    std::string text;
    for (const CommandHelp* command : commands)
        text += fmt::format("  {:{}}  {}\n", command->path, width, command->summary);
    return text;
}

std::size_t widest_path(const ProgramHelp& program) {
    std::size_t width = 0;
    for (const CommandHelp& command : program.commands) width = std::max(width, command.path.size());
    return width;
}

}  // namespace

std::string overview_text(const ProgramHelp& program) {
    std::string text =
        "stack runs the services of a Compose file.\n\n"
        "Usage: stack [GLOBAL FLAGS] COMMAND [FLAGS] [ARGUMENTS]\n";
    const std::size_t width = widest_path(program);
    std::string group;
    for (const CommandHelp& command : program.commands) {
        if (command.group != group) {
            group = command.group;
            text += fmt::format("\n{}:\n", group);
        }
        text += commands_text({&command}, width);
    }
    text += fmt::format("  {:{}}  {}\n", "completion", width, "Print a completion script: bash, zsh, fish");
    text += fmt::format("  {:{}}  {}\n", "help", width, "Explain a command");
    text += "\nGlobal flags, before the command:\n" + flags_text(program.global_flags);
    text += "\n`stack help COMMAND` tells more about one.\n";
    return text;
}

std::string command_text(const CommandHelp& command) {
    std::string text =
        fmt::format("{}.\n\nUsage: stack {} {}\n", command.summary, command.path, command.arguments);
    if (!command.details.empty()) text += fmt::format("\n{}\n", command.details);
    return text + "\nFlags:\n" + flags_text(command.flags);
}

std::string group_text(const ProgramHelp& program, const std::string& word) {
    std::vector<const CommandHelp*> commands;
    std::size_t width = 0;
    for (const CommandHelp& command : program.commands)
        if (command.path.starts_with(word + " ")) {
            commands.push_back(&command);
            width = std::max(width, command.path.size());
        }
    return fmt::format(
        "Usage: stack {} COMMAND\n\nCommands:\n{}\n`stack help {} COMMAND` tells more about one.\n", word,
        commands_text(commands, width), word);
}

}  // namespace stack::cli
