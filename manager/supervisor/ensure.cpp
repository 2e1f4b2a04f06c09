// A command's way to its project's supervisor: connect, or start a keeper that starts one.
#include "manager/engine/project_scope.hpp"
#include "manager/supervisor/supervise.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file_lock.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/keeper/keeper_client.hpp"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

namespace stack::supervisor {

namespace {

// sun_path holds 108 bytes; deep --run-root directories are reached through a descriptor instead.
struct SocketAddress {
    sockaddr_un address{};
    UniqueFd directory;
};

SocketAddress address_of(const std::string& path) {
    SocketAddress result;
    result.address.sun_family = AF_UNIX;
    std::string name = path;
    if (name.size() >= sizeof result.address.sun_path) {
        const std::size_t slash = path.rfind('/');
        result.directory = open_directory(path.substr(0, slash));
        name = fmt::format("/proc/self/fd/{}{}", result.directory.get(), path.substr(slash));
    }
    std::memcpy(result.address.sun_path, name.c_str(), name.size() + 1);
    return result;
}

bool somebody_listens(const std::string& path) {
    if (!path_exists(path)) return false;
    const SocketAddress target = address_of(path);
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("create socket");
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target.address), sizeof target.address) ==
        0)
        return true;
    if (errno == ECONNREFUSED || errno == ENOENT) return false;
    throw_errno(fmt::format("connect to '{}'", path));
}

UniqueFd listen_on(const std::string& path) {
    ::unlink(path.c_str());
    const SocketAddress target = address_of(path);
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket.valid()) throw_errno("create socket");
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&target.address), sizeof target.address) !=
            0 ||
        ::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), 128) != 0)
        throw_errno(fmt::format("listen on '{}'", path));
    return socket;
}

}  // namespace

bool ensure_supervisor(const engine::Paths& paths, const std::string& project, bool verbose, bool start) {
    const std::string socket_path = paths.control_socket(project);
    if (!start && !path_exists(socket_path)) return false;
    make_directories(paths.run(project));
    // One starter at a time, and none while a supervisor is about to leave (see Leave in supervise.cpp).
    const FileLock lock = FileLock::acquire(paths.lock_file(project));
    make_directories(paths.run(project));
    if (somebody_listens(socket_path)) return true;
    if (!start) return false;
    make_directories(paths.project(project));
    const UniqueFd listener = listen_on(socket_path);
    KeeperStart request;
    request.keeper_path = paths.keeper;
    request.journal_path = paths.exit_journal(project);
    request.supervisor = {paths.stack, "supervise", "--root", paths.data_root, "--run-root", paths.run_root,
                          "--project", project,     "--init", paths.init,      "--systemd",  paths.systemd};
    if (verbose) request.supervisor.push_back("--verbose");
    request.held.push_back({"control", {listener.get()}});
    const std::optional<engine::ProjectScope> scope =
        engine::ProjectScope::enter(project, {paths.systemd, false});
    if (scope) request.cgroup_processes = scope->processes();
    start_keeper(request);
    return true;
}

}  // namespace stack::supervisor
