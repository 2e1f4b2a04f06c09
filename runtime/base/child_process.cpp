#include "runtime/base/child_process.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

namespace stack {

namespace {

int pidfd_open(pid_t pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

// Runs in the forked child: system calls only. Not inlined, so that tests can look into it.
[[noreturn, gnu::noinline]] void exec_in_child(const SpawnOptions& options, char* const* argv,
                                               char* const* env, const int* fds, int fd_count, int report) {
    if (options.new_session) ::setsid();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int i = 1; i < 32; ++i)
        if (i != SIGKILL && i != SIGSTOP) ::signal(i, SIG_DFL);
    if (options.working_dir && ::chdir(options.working_dir->c_str()) != 0) goto failed;
    // First out of the way of the low numbers, then into place.
    {
        constexpr int kMaxFds = 64;
        int moved[kMaxFds];
        const int floor = fd_count + 16;
        report = ::fcntl(report, F_DUPFD_CLOEXEC, floor + kMaxFds);
        for (int i = 0; i < fd_count && i < kMaxFds; ++i) {
            const int source = fds[i] >= 0 ? fds[i] : ::open("/dev/null", O_RDWR | O_CLOEXEC);
            moved[i] = ::fcntl(source, F_DUPFD_CLOEXEC, floor);
        }
        for (int i = 0; i < fd_count && i < kMaxFds; ++i)
            if (::dup2(moved[i], i) < 0) goto failed;
        ::syscall(SYS_close_range, static_cast<unsigned>(fd_count), ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
    }
    ::execve(options.program.empty() ? argv[0] : options.program.c_str(), argv, env);
failed:
    const int err = errno;
    [[maybe_unused]] const ssize_t sent = ::write(report, &err, sizeof err);
    ::_exit(127);
}

void read_available(int fd, std::string& into, std::size_t limit, bool& open) {
    std::array<char, 65536> buffer;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0 && into.size() < limit) into.append(buffer.data(), static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) open = false;
}

}  // namespace

std::optional<std::uint64_t> process_start_time(pid_t pid) {
    std::optional<std::string> stat;
    try {
        stat = read_file_if_exists(fmt::format("/proc/{}/stat", pid));
    } catch (const Error&) {
        return std::nullopt;  // ESRCH: it went away while we read
    }
    if (!stat) return std::nullopt;
    const std::size_t paren = stat->rfind(')');  // the command name may hold spaces and parentheses
    if (paren == std::string::npos) return std::nullopt;
    std::size_t at = paren + 1;
    for (int field = 3; field <= 22; ++field) {
        at = stat->find(' ', at);
        if (at == std::string::npos) return std::nullopt;
        ++at;
    }
    std::uint64_t value = 0;
    const auto result = std::from_chars(stat->data() + at, stat->data() + stat->size(), value);
    if (result.ec != std::errc{}) return std::nullopt;
    return value;
}

const std::string& boot_id() {
    static const std::string kId = [] {
        std::string id = read_file("/proc/sys/kernel/random/boot_id");
        while (!id.empty() && id.back() == '\n') id.pop_back();
        return id;
    }();
    return kId;
}

std::optional<ProcessHandle> ProcessHandle::open(pid_t pid, std::optional<std::uint64_t> start_time) {
    if (pid <= 0) return std::nullopt;
    UniqueFd fd{pidfd_open(pid)};
    if (!fd.valid()) {
        if (errno == ESRCH || errno == EINVAL) return std::nullopt;
        throw_errno(fmt::format("open process {}", pid));
    }
    // Read after the pidfd is held: from here on the pid can't be recycled under us.
    if (start_time && process_start_time(pid) != start_time) return std::nullopt;
    return ProcessHandle{std::move(fd), pid};
}

bool ProcessHandle::alive() const {
    pollfd entry{pidfd_.get(), POLLIN, 0};
    return pidfd_.valid() && ::poll(&entry, 1, 0) == 0;
}

bool ProcessHandle::signal(int number) const {
    if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0) return true;
    if (errno == ESRCH) return false;
    throw_errno(fmt::format("send signal {} to process {}", number, pid_));
}

ProcessHandle spawn(const SpawnOptions& options) {
    const std::vector<char*> argv = pointers(options.argv);
    const std::vector<char*> own_env = options.env ? pointers(*options.env) : std::vector<char*>{};
    char* const* env = options.env ? own_env.data() : environ;
    Pipe report = make_pipe();
    const pid_t pid = ::fork();
    if (pid < 0) throw_errno("fork");
    if (pid == 0)
        exec_in_child(options, argv.data(), env, options.fds.data(), static_cast<int>(options.fds.size()),
                      report.write.get());
    report.write.reset();
    UniqueFd pidfd{pidfd_open(pid)};
    int err = 0;
    ssize_t got;
    do {
        got = ::read(report.read.get(), &err, sizeof err);
    } while (got < 0 && errno == EINTR);
    if (got == static_cast<ssize_t>(sizeof err)) {
        ::waitpid(pid, nullptr, 0);
        throw Error::from_errno(
            err, fmt::format("run '{}'", options.program.empty() ? options.argv.at(0) : options.program));
    }
    if (!pidfd.valid()) throw_errno("open child process");
    return ProcessHandle{std::move(pidfd), pid};
}

int wait_for_exit(const ProcessHandle& child) {
    int status = 0;
    while (::waitpid(child.pid(), &status, 0) < 0) {
        if (errno != EINTR) throw_errno(fmt::format("wait for process {}", child.pid()));
    }
    return status;
}

CommandResult run_command(const SpawnOptions& base, int timeout_ms) {
    Pipe out = make_pipe(), err = make_pipe();
    SpawnOptions options = base;
    options.fds = {base.fds.empty() ? -1 : base.fds[0], out.write.get(), err.write.get()};
    const ProcessHandle child = spawn(options);
    out.write.reset();
    err.write.reset();
    CommandResult result;
    bool out_open = true, err_open = true;
    constexpr std::size_t kLimit = 16u << 20;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{timeout_ms};
    while (out_open || err_open) {
        std::array<pollfd, 2> entries{pollfd{out_open ? out.read.get() : -1, POLLIN, 0},
                                      pollfd{err_open ? err.read.get() : -1, POLLIN, 0}};
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        const int ready =
            ::poll(entries.data(), entries.size(), static_cast<int>(std::max<long>(left.count(), 0)));
        if (ready == 0) {
            child.signal(SIGKILL);
            wait_for_exit(child);
            throw Error{ErrorKind::timeout,
                        fmt::format("'{}' ran longer than {} ms", options.argv.at(0), timeout_ms)};
        }
        if (entries[0].revents) read_available(out.read.get(), result.out, kLimit, out_open);
        if (entries[1].revents) read_available(err.read.get(), result.err, kLimit, err_open);
    }
    result.exit_code = exit_code_of_status(wait_for_exit(child));
    return result;
}

int exit_code_of_status(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace stack
