// Command-line words of the worker's verbs: flags from a table, everything else an operand. The words come from `stack`,
// which has checked them for its user; here they are only told apart.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::image {

struct WorkerFlag {
    std::string_view name;  ///< with its dashes
    std::function<void(const std::string& value)> set;
    bool takes_value = true;  ///< false: `set` gets an empty string
};

/// The operands in order; `--` ends the flags, `-` is an operand. Throws Error(invalid_input) with `usage` as its hint.
std::vector<std::string> parse_worker_arguments(const std::vector<std::string>& words,
                                                const std::vector<WorkerFlag>& flags, std::string_view usage);

/// The same error for operands that don't fit.
[[noreturn]] void throw_bad_usage(std::string message, std::string_view usage);

}  // namespace stack::image
