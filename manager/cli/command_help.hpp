// The commands and flags as plain values, taken from the parser's tree, and the texts made from them: help,
// shell completion, manual page. No parser in here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stack::cli {

struct FlagHelp {
    std::string short_name;  ///< "-d" or empty
    std::string long_name;   ///< "--detach" or empty
    std::string value;       ///< "SECONDS"; empty for a switch
    std::string description;
    bool operator==(const FlagHelp&) const = default;
};

struct CommandHelp {
    std::string path;       ///< "up", "image import"
    std::string group;      ///< heading in the overview
    std::string arguments;  ///< "[SERVICE...]"
    std::string summary;    ///< a few words
    std::string details;    ///< paragraphs below the usage line; may be empty
    std::vector<FlagHelp> flags;
    bool operator==(const CommandHelp&) const = default;
};

struct ProgramHelp {
    std::vector<FlagHelp> global_flags;
    std::vector<CommandHelp> commands;  ///< in the order of the overview
};

/// `stack help`: commands by group, then the global flags.
std::string overview_text(const ProgramHelp& program);
/// `stack help up`.
std::string command_text(const CommandHelp& command);
/// `stack help image`: the commands below a word.
std::string group_text(const ProgramHelp& program, const std::string& word);
/// For bash, zsh or fish; service names are completed by asking `stack config --services`.
std::string bash_completion(const ProgramHelp& program);
std::string zsh_completion(const ProgramHelp& program);
std::string fish_completion(const ProgramHelp& program);
/// stack(1) in man(7) macros.
std::string manual_page(const ProgramHelp& program);

}  // namespace stack::cli
