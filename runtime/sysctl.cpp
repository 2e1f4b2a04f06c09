#include "runtime/sysctl.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace stack {

namespace {

// As sysctl(8): the first separator of the key tells which of `.` and `/` separates; the other one is part of a name.
std::string slashed(std::string key) {
    const std::size_t first = key.find_first_of("./");
    if (first == std::string::npos || key[first] == '/') return key;
    for (char& c : key) {
        if (c == '.')
            c = '/';
        else if (c == '/')
            c = '.';
    }
    return key;
}

bool well_formed(std::string_view path) {
    for (const char c : path) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                             c == '_' || c == '-' || c == '.' || c == '/' || c == '@' || c == ':';
        if (!allowed) return false;
    }
    for (const std::string& part : split(path, '/'))
        if (part.empty() || part == "." || part == "..") return false;
    return path.find('/') != std::string_view::npos;
}

constexpr std::array<std::string_view, 11> kIpcKeys{
    "kernel/msgmax",     "kernel/msgmnb", "kernel/msgmni", "kernel/msg_next_id",     "kernel/sem",
    "kernel/shmall",     "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced", "kernel/shm_next_id",
    "kernel/sem_next_id"};

}  // namespace

std::string checked_sysctl_path(const std::string& key, const std::string& value, bool own_network,
                                bool own_ipc, bool own_uts) {
    const auto refuse = [&](std::string_view why) {
        return Error{ErrorKind::invalid_input, fmt::format("sysctl \"{}\" {}", key, why)};
    };
    const std::string path = slashed(key);
    if (!well_formed(path)) throw refuse("is not a valid name");
    if (std::any_of(value.begin(), value.end(),
                    [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\t'; }))
        throw refuse("has a control character in its value");
    if (path.starts_with("net/")) {
        if (!own_network) throw refuse("can't be set in the host's network namespace");
    } else if (std::find(kIpcKeys.begin(), kIpcKeys.end(), path) != kIpcKeys.end() ||
               path.starts_with("fs/mqueue/")) {
        if (!own_ipc) throw refuse("can't be set in the host's ipc namespace");
    } else if (path == "kernel/domainname") {
        if (!own_uts) throw refuse("can't be set in the host's uts namespace");
    } else {
        throw refuse("is not confined to a container: it would change the whole host")
            .with_hint("a container may set net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.*");
    }
    return "sys/" + path;
}

}  // namespace stack
