#include "manager/engine/paths.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>

namespace stack::engine {

namespace {

std::string variable(const char* name) {
    const char* value = ::getenv(name);
    return value ? value : "";
}

std::string absolute(const std::string& path) {
    std::string result = std::filesystem::absolute(path).lexically_normal().string();
    while (result.size() > 1 && result.back() == '/') result.pop_back();
    return result;
}

std::string first_set(const std::string& argument, const char* name, const std::string& fallback) {
    if (!argument.empty()) return absolute(argument);
    const std::string from_environment = variable(name);
    return absolute(from_environment.empty() ? fallback : from_environment);
}

std::string own_file() {
    std::string path(4096, '\0');
    const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    if (length < 0) throw_errno("read /proc/self/exe");
    path.resize(static_cast<std::size_t>(length));
    return path;
}

}  // namespace

Paths find_paths(const std::string& root_argument, const std::string& run_root_argument) {
    const bool root = ::geteuid() == 0;
    const std::string home = variable("HOME");
    const std::string data_home =
        variable("XDG_DATA_HOME").empty() ? home + "/.local/share" : variable("XDG_DATA_HOME");
    const std::string runtime_dir = variable("XDG_RUNTIME_DIR").empty()
                                        ? fmt::format("/run/user/{}", ::geteuid())
                                        : variable("XDG_RUNTIME_DIR");
    Paths paths;
    paths.data_root = first_set(root_argument, "STACK_ROOT", root ? "/var/lib/stack" : data_home + "/stack");
    paths.run_root =
        first_set(run_root_argument, "STACK_RUN_ROOT", root ? "/run/stack" : runtime_dir + "/stack");
    paths.stack = own_file();
    const std::string directory = paths.stack.substr(0, paths.stack.rfind('/'));
    const std::string libexec = absolute(directory + "/../libexec/stack");
    const auto program = [&](const std::string& name) {
        const std::string beside = directory + "/" + name;
        return ::access(beside.c_str(), X_OK) == 0 ? beside : libexec + "/" + name;
    };
    const std::string cdi = variable("STACK_CDI_DIRS");
    for (const std::string& path : split(cdi.empty() ? "/etc/cdi:/var/run/cdi" : cdi, ':'))
        if (!path.empty()) paths.cdi_directories.push_back(absolute(path));
    paths.keeper = program("stack-keeper");
    paths.init = program("stack-init");
    paths.image_worker = program("stack-image");
    paths.systemd = program("stack-systemd");
    return paths;
}

}  // namespace stack::engine
