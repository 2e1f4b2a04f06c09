// A project as `stack config` prints it: canonical compose format, sorted, every short form expanded, `$`
// doubled. Loading the output gives the same model again, and printing that gives the same bytes.
#pragma once

#include "manager/compose/model.hpp"

#include <string>

namespace stack::compose {

struct ConfigOutputOptions {
    bool all_resources = false;  ///< also networks, volumes, secrets and configs that no service uses
    bool double_dollars = true;  ///< false for a project that was loaded without interpolation
};

/// Both end in a newline.
std::string config_yaml(const Project& project, const ConfigOutputOptions& options = {});
std::string config_json(const Project& project, const ConfigOutputOptions& options = {});

}  // namespace stack::compose
