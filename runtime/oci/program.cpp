#include "runtime/oci/program.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <vector>

namespace stack::oci {

namespace {

bool is_program(const std::string& path) {
    return ::access(path.c_str(), X_OK) == 0;
}

// The directory of the file that a caller means by argv[0]; empty if there is none.
std::string directory_of(const std::string& name) {
    std::vector<std::string> candidates{name};
    if (name.find('/') == std::string::npos) {
        const char* path = ::getenv("PATH");
        candidates = split(path != nullptr ? path : "", ':');
        for (std::string& directory : candidates) directory += '/' + name;
    }
    for (const std::string& candidate : candidates) {
        char resolved[PATH_MAX];
        if (!is_program(candidate) || ::realpath(candidate.c_str(), resolved) == nullptr) continue;
        const std::string file = resolved;
        return file.substr(0, file.rfind('/'));
    }
    return "";
}

}  // namespace

systemd::Bus Program::bus(bool user) const {
    const std::string directory = directory_of(globals.own_name);
    for (const char* place : {"/stack-systemd", "/../libexec/stack/stack-systemd"})
        if (const std::string path = directory + place; !directory.empty() && is_program(path))
            return {path, user};
    throw Error{ErrorKind::not_supported, "the program stack-systemd, which asks systemd, is not installed"}
        .with_hint(
            "it belongs beside stack-runtime or in ../libexec/stack; without systemd, leave --systemd-cgroup "
            "away");
}

}  // namespace stack::oci
