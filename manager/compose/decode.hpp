// The checked tree -> typed model: short and long forms become the same values. Reads no file. What `env_file` names
// is handed on for env_file.hpp; names, defaults and implied parts come with normalize.hpp.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

#include <map>
#include <string>
#include <vector>

namespace stack::compose {

struct DecodeSettings {
    std::string project_directory;  ///< absolute; relative paths are below it
    std::string home;               ///< what `~` means
};

struct EnvFileReference {
    std::string path;  ///< absolute
    bool required = true;
    bool raw = false;
    Position position;
};

struct Decoded {
    Project project;                                                 ///< all services are in `services`
    std::map<std::string, std::vector<EnvFileReference>> env_files;  ///< by service, in order
};

Decoded decode(const Tree& tree, const Node& root, const DecodeSettings& settings, Reporter& reporter);

}  // namespace stack::compose
