// Variables for `${}` that come from dotenv files: `.env`, `--env-file`, and `env_file` of an `include`. (The `env_file`
// of a service is no source for `${}`; that one is env_file.hpp.)
#pragma once

#include "manager/compose/env_file.hpp"

#include <map>
#include <string>

namespace stack::compose {

/// What `${}` sees in the files of one model.
struct VariableScope {
    Variables values;
    std::map<std::string, Position> places;  ///< lines of dotenv files; what has none comes from the shell
};

enum class VariablesRead { done, absent, failed };

/// Adds what the file says to `from_files`, over what is there. `environment` beats both when the file's own `${}` are
/// expanded. A file that can't be read or has mistakes is reported (failed); one that isn't there is not.
VariablesRead read_variables(const std::string& path, const Variables& environment, VariableScope& from_files,
                             SourceReader& reader, Reporter& reporter);

}  // namespace stack::compose
