// The commands of stack-runtime, with their flags: what is parsed, called and shown as help.
#pragma once

#include "runtime/oci/flags.hpp"
#include "runtime/oci/program.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace stack::oci {

struct Command {
    const char* name;
    const char* arguments;  ///< `ID [SIGNAL]`, for help
    const char* summary;
    std::span<const Flag> flags;
    std::size_t least = 0, most = 0;  ///< how many words beside flags; SIZE_MAX: any
    /// From this many words on, everything belongs to the program that is named there.
    std::size_t words_before_rest = SIZE_MAX;
    int (*run)(Program&, const Arguments&) = nullptr;  ///< the exit code; throws Error
    int failure = 1;                                   ///< exit code of an Error
    bool starts_processes = false;                     ///< then it must run from a protected file
};

std::span<const Command> commands();
const Command* find_command(std::string_view name);
std::span<const Flag> global_flags();

/// `stack-runtime --help`, and of one command.
std::string overview_text();
std::string command_text(const Command& command);

}  // namespace stack::oci
