#include "runtime/id_maps.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/placeholder.hpp"
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

UniqueFd open_namespace(pid_t pid, const char* kind) {
    const std::string path = fmt::format("/proc/{}/ns/{}", pid, kind);
    UniqueFd space{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!space.valid()) throw_errno(fmt::format("open {}", path));
    return space;
}

// A process that is born into new namespaces and does nothing there; they outlive it by descriptors.
class NamespaceHolder {
  public:
    /// `flags`: of clone(2). Throws Error.
    explicit NamespaceHolder(std::uint64_t flags) {
        int pidfd = -1;
        clone_args arguments{};
        arguments.flags = flags | CLONE_PIDFD;
        arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
        arguments.exit_signal = SIGCHLD;
        const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
        if (pid == 0) run_placeholder_in_child(alive_.read.get());
        if (pid < 0) {
            Error error = Error::from_errno(errno, "make a user namespace");
            if (error.code() == ENOSPC || error.code() == EUSERS)
                error.with_hint("their number is limited by /proc/sys/user/max_user_namespaces");
            throw error;
        }
        process_ = ProcessHandle{UniqueFd{pidfd}, pid};
    }
    NamespaceHolder(const NamespaceHolder&) = delete;
    NamespaceHolder& operator=(const NamespaceHolder&) = delete;
    ~NamespaceHolder() {
        alive_.write.reset();  // upon which it exits at once
        try {
            wait_for_exit(process_);
        } catch (const Error&) {  // nothing that a caller could do about it
        }
    }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }

  private:
    Pipe alive_ = make_pipe();
    ProcessHandle process_;
};

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

UniqueFd make_id_map_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
    const NamespaceHolder holder{CLONE_NEWUSER};
    write_id_maps_in_parent(holder.pid(), uids, gids);
    return open_namespace(holder.pid(), "user");
}

OwnedNetwork make_owned_network(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
    const NamespaceHolder holder{CLONE_NEWUSER | CLONE_NEWNET};
    write_id_maps_in_parent(holder.pid(), uids, gids);
    return {open_namespace(holder.pid(), "user"), open_namespace(holder.pid(), "net")};
}

}  // namespace stack
