// The `.env` format: NAME=value lines with quotes, escapes, comments and `${}`, as Docker Compose reads `.env` files
// and `env_file`s; and the `raw` format, which takes lines as they are. Pure; reading files is env_file.hpp.
#pragma once

#include "manager/compose/interpolation.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::compose {

struct DotenvEntry {
    std::string name;
    std::optional<std::string> value;  ///< nullopt: named without a value, and not set in the environment
    int line = 0;                      ///< 1-based
    bool operator==(const DotenvEntry&) const = default;
};

struct DotenvProblem {
    bool is_error = true;
    std::string code, message;
    int line = 0, column = 0;  ///< 1-based
    bool operator==(const DotenvProblem&) const = default;
};

struct Dotenv {
    std::vector<DotenvEntry> entries;  ///< in the order of the file; a later one of the same name wins
    std::vector<DotenvProblem> problems;
};

/// `environment` is asked before the file's own earlier lines when `${}` is expanded, and for names without a value.
Dotenv parse_dotenv(std::string_view text, const VariableLookup& environment);
/// `env_file.format: raw`: everything behind `=` is the value.
Dotenv parse_raw_env(std::string_view text, const VariableLookup& environment);

}  // namespace stack::compose
