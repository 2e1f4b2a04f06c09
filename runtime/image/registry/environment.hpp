// The environment variables that say where a user keeps things, as a value that tests can make up.
#pragma once

#include <functional>
#include <string>

namespace stack::registry {

/// The value of a variable; empty when it is not set.
using Environment = std::function<std::string(const char* name)>;

/// This process's.
std::string process_environment(const char* name);

/// $HOME, or the home of our user by passwd(5); empty when there is none.
std::string home_of(const Environment& environment);
/// $XDG_CONFIG_HOME or ~/.config; empty without a home.
std::string config_home_of(const Environment& environment);

}  // namespace stack::registry
