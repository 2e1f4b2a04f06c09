// What a service's environment finally is: its `env_file`s, over them `environment`, and for names without a value what
// the project's environment says. Reads files through SourceReader; the format is dotenv.hpp.
#pragma once

#include "manager/compose/decode.hpp"
#include "manager/compose/dotenv.hpp"
#include "manager/compose/source_reader.hpp"

#include <map>
#include <string>
#include <vector>

namespace stack::compose {

using Variables = std::map<std::string, std::string>;

VariableLookup lookup_in(const Variables& variables);  ///< `variables` must outlive the result

/// Reports what is wrong in a dotenv file at its own lines.
void report_problems(const Dotenv& dotenv, const std::string& file, Reporter& reporter);

/// `read_files` false: env_file is passed over (names without a value are still looked up).
void resolve_environment(Service& service, const std::vector<EnvFileReference>& files, bool read_files,
                         const Variables& variables, SourceReader& reader, Reporter& reporter);

}  // namespace stack::compose
