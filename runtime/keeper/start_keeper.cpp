// How a keeper is started: forked twice, in a session of its own, so that it belongs to nobody's terminal and to no
// command's children.
#include "runtime/base/error.hpp"
#include "runtime/keeper/keeper_client.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include <fmt/format.h>

namespace stack {

namespace {

struct Prepared {
    std::vector<std::string> argv;
    std::vector<char*> argv_pointers;
    std::vector<UniqueFd> held;  // our duplicates, whose numbers stand in argv
    const char* working_directory = "/";
    int cgroup_processes = -1;
};

Prepared prepare(const KeeperStart& start) {
    Prepared result;
    result.argv = {start.keeper_path, "--journal", start.journal_path};
    for (const KeeperStart::Held& held : start.held) {
        if (held.name.empty() || held.name.find_first_of("=\n") != std::string::npos || held.fds.empty())
            throw Error{ErrorKind::internal, fmt::format("'{}' can't be held from the start", held.name)};
        std::string argument = held.name + '=';
        for (const int fd : held.fds) {
            // Above the low numbers, which become stdio and the report pipe.
            UniqueFd copy{::fcntl(fd, F_DUPFD_CLOEXEC, 10)};
            if (!copy.valid()) throw_errno(fmt::format("duplicate descriptor for '{}'", held.name));
            if (argument.back() != '=') argument += ',';
            argument += fmt::format("{}", copy.get());
            result.held.push_back(std::move(copy));
        }
        result.argv.insert(result.argv.end(), {"--hold", std::move(argument)});
    }
    result.argv.emplace_back("--");
    result.argv.insert(result.argv.end(), start.supervisor.begin(), start.supervisor.end());
    for (std::string& argument : result.argv) result.argv_pointers.push_back(argument.data());
    result.argv_pointers.push_back(nullptr);
    result.working_directory = start.working_directory.c_str();
    result.cgroup_processes = start.cgroup_processes;
    return result;
}

// In the grandchild; system calls only. `go` is readable (end of file) once the starter holds our pidfd.
[[noreturn, gnu::noinline]] void exec_keeper_in_child(const Prepared& prepared, int go, int report) {
    char byte;
    while (::read(go, &byte, 1) < 0 && errno == EINTR) {
    }
    const bool placed = prepared.cgroup_processes < 0 || ::write(prepared.cgroup_processes, "0", 1) == 1;
    const int not_placed = placed ? 0 : errno;
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    for (int number = 1; number < 32; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
    for (const UniqueFd& fd : prepared.held) ::fcntl(fd.get(), F_SETFD, 0);
    if (placed && null >= 0 && ::chdir(prepared.working_directory) == 0)
        ::execv(prepared.argv_pointers[0], prepared.argv_pointers.data());
    const int err = placed ? errno : not_placed;
    [[maybe_unused]] const ssize_t sent = ::write(report, &err, sizeof err);
    ::_exit(127);
}

// In the child: the session leader that the keeper is not, so that it can never get a controlling terminal.
[[noreturn, gnu::noinline]] void fork_again_in_child(const Prepared& prepared, int go, int report) {
    ::setsid();
    const pid_t pid = ::_Fork();  // fork(3) takes locks that a thread of ours may have held
    if (pid == 0) exec_keeper_in_child(prepared, go, report);
    const int answer = pid < 0 ? -errno : pid;
    [[maybe_unused]] const ssize_t sent = ::write(report, &answer, sizeof answer);
    ::_exit(0);
}

// nullopt at end of file.
std::optional<int> read_int(int fd) {
    int value = 0;
    ssize_t got;
    do {
        got = ::read(fd, &value, sizeof value);
    } while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(sizeof value)) return std::nullopt;
    return value;
}

}  // namespace

ProcessHandle start_keeper(const KeeperStart& start) {
    const Prepared prepared = prepare(start);
    const auto out_of_stdio = [](UniqueFd fd) {  // the caller may run with stdio closed
        UniqueFd moved{::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)};
        if (!moved.valid()) throw_errno("duplicate pipe");
        return moved;
    };
    Pipe report = make_pipe(), go = make_pipe();
    report.write = out_of_stdio(std::move(report.write));
    go.read = out_of_stdio(std::move(go.read));
    go.write = out_of_stdio(std::move(go.write));
    const pid_t child = ::fork();
    if (child < 0) throw_errno("fork");
    if (child == 0) {
        ::close(go.write.get());
        fork_again_in_child(prepared, go.read.get(), report.write.get());
    }
    report.write.reset();
    go.read.reset();
    const std::optional<int> pid = read_int(report.read.get());
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (!pid || *pid <= 0) throw Error::from_errno(pid ? -*pid : ECHILD, "start the keeper");
    // It waits for us, so the pid can't be anyone else's.
    std::optional<ProcessHandle> handle = ProcessHandle::open(*pid);
    go.write.reset();
    if (const std::optional<int> err = read_int(report.read.get()))
        throw Error::from_errno(*err, fmt::format("run '{}'", start.keeper_path));
    if (!handle) throw Error{ErrorKind::failed, "the keeper ended at once"};
    return std::move(*handle);
}

}  // namespace stack
