#include "runtime/id_maps.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include <fmt/format.h>

namespace stack {

namespace {

void write_map(pid_t pid, const char* file, const std::vector<IdMapping>& mappings) {
    std::string text;
    for (const IdMapping& map : mappings)
        text += fmt::format("{} {} {}\n", map.container_id, map.host_id, map.size);
    const std::string path = fmt::format("/proc/{}/{}", pid, file);
    const UniqueFd out{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    if (!out.valid()) throw_errno(fmt::format("open {}", path));
    try {
        write_all(out.get(), text, path);
    } catch (Error& error) {
        if (error.code() == EINVAL)
            error.with_hint("ranges must not overlap, and must exist in the namespace around this one");
        throw;
    }
}

void map_by_helper(const char* helper, pid_t pid, const std::vector<IdMapping>& mappings) {
    SpawnOptions options;
    options.argv = {fmt::format("/usr/bin/{}", helper), std::to_string(pid)};
    for (const IdMapping& map : mappings)
        for (const std::uint32_t number : {map.container_id, map.host_id, map.size})
            options.argv.push_back(std::to_string(number));
    const CommandResult result = run_command(options);
    if (result.exit_code != 0)
        throw Error{ErrorKind::permission, fmt::format("{}: {}", helper, trim(result.err))}.with_hint(
            "the ranges that a user may map stand in /etc/subuid and /etc/subgid");
}

}  // namespace

void write_id_maps_in_parent(pid_t pid, const std::vector<IdMapping>& uids,
                             const std::vector<IdMapping>& gids) {
    if (::geteuid() != 0) {
        map_by_helper("newuidmap", pid, uids);
        map_by_helper("newgidmap", pid, gids);
        return;
    }
    write_map(pid, "uid_map", uids);
    write_map(pid, "gid_map", gids);
}

namespace {

// Until the parent has closed its end. Not inlined, so that tests can look into it.
[[noreturn, gnu::noinline]] void hold_namespace_in_child(int parents_end, int life) {
    char byte;
    ::close(parents_end);
    while (::read(life, &byte, 1) < 0 && errno == EINTR) {
    }
    ::_exit(0);
}

}  // namespace

UniqueFd make_id_map_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
    Pipe alive = make_pipe();
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = CLONE_NEWUSER | CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) hold_namespace_in_child(alive.write.get(), alive.read.get());
    if (pid < 0) throw_errno("make a user namespace for idmapped mounts");
    const ProcessHandle holder{UniqueFd{pidfd}, pid};
    UniqueFd result;
    const auto end = [&] {
        alive.write.reset();
        wait_for_exit(holder);
    };
    try {
        write_id_maps_in_parent(pid, uids, gids);
        const std::string path = fmt::format("/proc/{}/ns/user", pid);
        result.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!result.valid()) throw_errno(fmt::format("open {}", path));
    } catch (const Error&) {
        end();
        throw;
    }
    end();
    return result;
}

}  // namespace stack
