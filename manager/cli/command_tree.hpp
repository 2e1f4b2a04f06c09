// The tree of commands: names, texts, flags, and what each flag sets. The commands are defined in tree/, a file for
// each family; only that folder and command_tree.cpp know CLI11. Only the part that a run needs is built.
#pragma once

#include "manager/cli/command_help.hpp"
#include "manager/cli/options.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace stack::cli {

/// A command line that does not parse, in its parts: the caller adds usage hints and suggestions.
struct ParseFailure {
    enum class Kind {
        unknown_flag,         ///< `word` is the flag as written
        unexpected_argument,  ///< `word` is the argument
        bad_value,            ///< `message` says all
    } kind = Kind::bad_value;
    std::string word, message;
};
struct HelpWanted {};
struct VersionWanted {};

/// Paths of all commands ("up", "image import"), in the order of the overview.
std::vector<std::string_view> command_paths();

/// How many of `words`, from the first, are flags with their values, by the flags of command `path` ("" = the
/// global ones): the position of the first word that is neither, or words.size().
std::size_t count_leading_flags(std::string_view path, const std::vector<std::string>& words);

std::variant<GlobalOptions, ParseFailure, HelpWanted, VersionWanted> parse_globals(
    const std::vector<std::string>& words);

/// `path` is one of command_paths(). May also set global options that a command repeats (--dry-run).
std::variant<Command, ParseFailure, HelpWanted> parse_command(std::string_view path,
                                                              const std::vector<std::string>& words,
                                                              GlobalOptions& globals);

/// Every flag of a command, "" = global, as written (`-d`, `--detach`), hidden ones left out.
std::vector<std::string> flag_names(std::string_view path);

ProgramHelp describe_program();
CommandHelp describe_command(std::string_view path);

}  // namespace stack::cli
