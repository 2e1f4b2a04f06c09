// argv -> Invocation. The tree of commands and flags is command_tree.hpp; help, suggestions,
// shell completion and the manual page come from that one tree. Flags before the command are global, flags
// after it are its own; what follows the service of `exec` is the command to run and is not looked at.
#pragma once

#include "manager/cli/options.hpp"

#include <string>
#include <variant>
#include <vector>

namespace stack::cli {

/// Text the user asked for (help, completion script, manual page): stdout, exit 0.
struct Text {
    std::string text;
    bool operator==(const Text&) const = default;
};

/// The command line is wrong, or names a command of Compose that this program does not have yet.
struct UsageError {
    std::string message;
    std::string hint;   ///< "did you mean …"; may be empty
    int exit_code = 2;  ///< 2: malformed; 1: known to Compose, not supported yet
    bool operator==(const UsageError&) const = default;
};

using ParsedCommandLine = std::variant<Invocation, Text, UsageError>;

/// `arguments` without the program's name. Pure.
ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace stack::cli
