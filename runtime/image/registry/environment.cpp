#include "runtime/image/registry/environment.hpp"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

namespace stack::registry {

std::string process_environment(const char* name) {
    const char* value = ::getenv(name);
    return value == nullptr ? std::string{} : value;
}

std::string home_of(const Environment& environment) {
    if (std::string home = environment("HOME"); !home.empty()) return home;
    const passwd* entry = ::getpwuid(::geteuid());
    return entry == nullptr || entry->pw_dir == nullptr ? std::string{} : entry->pw_dir;
}

std::string config_home_of(const Environment& environment) {
    if (std::string folder = environment("XDG_CONFIG_HOME"); !folder.empty()) return folder;
    const std::string home = home_of(environment);
    return home.empty() ? home : home + "/.config";
}

}  // namespace stack::registry
