// A canonical tree as `stack config` prints it: the project's name first, then everything sorted, `$` doubled, and in
// quotes whatever would be read as something else. Loading the output gives the same tree again, and printing that the
// same bytes.
#pragma once

#include "manager/compose/tree.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>

namespace stack::compose {

struct ConfigOutputOptions {
    bool all_resources = false;  ///< also networks, volumes, secrets and configs that no service uses
    bool double_dollars = true;  ///< false for a document that was loaded without interpolation
    std::optional<std::set<std::string>> services;  ///< these only, with the resources that they use
    /// YAML: what to say in a comment behind a single value; absent: nothing.
    std::function<std::string(const Node& value)> comment;
};

/// `root`: Document::root of a load. Both end in a newline.
std::string config_yaml(const Node& root, const ConfigOutputOptions& options = {});
std::string config_json(const Node& root, const ConfigOutputOptions& options = {});

}  // namespace stack::compose
