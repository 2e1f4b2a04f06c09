#include "tests/support/stack_runner.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/payload_image.hpp"
#include "tests/support/processes.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include <fmt/format.h>

namespace stack::test {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

// Outputs go to files and not to pipes: a background process that keeps stdout open must not hang the test
// (a test of its own asks whether it does).
UniqueFd anonymous_file(const char* name) {
    UniqueFd fd{::memfd_create(name, MFD_CLOEXEC)};
    if (!fd.valid()) throw_errno("make an output file");
    return fd;
}

std::string content(int fd) {
    struct stat info {};
    ::fstat(fd, &info);
    std::string text(static_cast<std::size_t>(info.st_size), '\0');
    const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
}

std::vector<std::string> environment(const std::map<std::string, std::string>& extra) {
    std::map<std::string, std::string> all{
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        {"HOME", "/root"},
        {"LANG", "C.UTF-8"}};
    // Sanitizer options and the trace file of whoever runs the tests reach the program.
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "STACK_TRACE"})
        if (const char* value = ::getenv(name)) all[name] = value;
    for (const auto& [name, value] : extra) all[name] = value;
    std::vector<std::string> list;
    for (const auto& [name, value] : all) list.push_back(name + "=" + value);
    return list;
}

// Until the program has ended and nothing more comes; some process of the background may keep the other side
// open.
void drain_terminal(int from, int to, const std::atomic<bool>& ended) {
    char buffer[4096];
    for (;;) {
        pollfd entry{from, POLLIN, 0};
        const bool last_look = ended.load();
        if (::poll(&entry, 1, 20) == 0) {
            if (last_look) return;
            continue;
        }
        const ssize_t got = ::read(from, buffer, sizeof buffer);
        if (got <= 0) return;
        write_all(to, {buffer, static_cast<std::size_t>(got)}, "terminal output");
    }
}

}  // namespace

std::string Outcome::text() const {
    return fmt::format("exit code {}{} after {} ms\n--- stdout\n{}\n--- stderr\n{}\n", exit_code,
                       timed_out ? " (killed at the limit)" : "", duration.count(), out, err);
}

struct RunningStack::Impl {
    ProcessHandle process;
    UniqueFd out = anonymous_file("stdout");
    UniqueFd err = anonymous_file("stderr");
    UniqueFd terminal;  // master side
    std::thread drain;  // terminal -> out
    Clock::time_point started = Clock::now();
    std::chrono::milliseconds limit{};
    std::atomic<bool> ended = false;  // reaped

    ~Impl() {
        if (process.valid() && !ended) {
            process.signal(SIGKILL);
            wait_for_exit(process);
            ended = true;
        }
        if (drain.joinable()) drain.join();
    }
};

RunningStack::RunningStack(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
RunningStack::RunningStack(RunningStack&&) noexcept = default;
RunningStack& RunningStack::operator=(RunningStack&&) noexcept = default;
RunningStack::~RunningStack() = default;

int RunningStack::pid() const {
    return impl_->process.pid();
}
std::string RunningStack::out_so_far() const {
    return content(impl_->out.get());
}
std::string RunningStack::err_so_far() const {
    return content(impl_->err.get());
}
bool RunningStack::running() const {
    return impl_->process.alive();
}
void RunningStack::signal(int number) const {
    impl_->process.signal(number);
}
void RunningStack::type(std::string_view keys) const {
    write_all(impl_->terminal.get(), keys, "terminal");
}

bool RunningStack::prints(std::string_view text, int times, std::chrono::milliseconds limit) const {
    return eventually(
        [&] {
            const std::string out = out_so_far();
            int found = 0;
            for (std::size_t at = 0; (at = out.find(text, at)) != std::string::npos; at += text.size())
                ++found;
            return found >= times;
        },
        limit);
}

Outcome RunningStack::wait() {
    Outcome outcome;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(impl_->started + impl_->limit - Clock::now());
    pollfd entry{impl_->process.pidfd(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(std::max<long long>(left.count(), 0))) == 0) {
        outcome.timed_out = true;
        impl_->process.signal(SIGKILL);
    }
    outcome.exit_code = exit_code_of_status(wait_for_exit(impl_->process));
    impl_->ended = true;
    outcome.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - impl_->started);
    if (impl_->drain.joinable()) impl_->drain.join();
    outcome.out = out_so_far();
    outcome.err = err_so_far();
    return outcome;
}

StackRunner::StackRunner() = default;

StackRunner::~StackRunner() {
    try {
        if (!processes("stack-keeper").empty() || fs::exists(dirs_.run_root())) {
            Invocation down;
            down.args = {"-p", project(), "down", "-v", "-t", "0", "--remove-orphans"};
            down.working_dir = "/";
            down.limit = std::chrono::seconds{20};
            run(std::move(down));
        }
        for (const int pid : processes("")) ::kill(pid, SIGKILL);
    } catch (const std::exception& error) {
        fmt::print(stderr, "cleaning up after a test: {}\n", error.what());
    }
}

std::string StackRunner::program() {
    const char* given = ::getenv("STACK_PROGRAM");
    return given != nullptr && *given != '\0' ? given : program_path("stack");
}

std::string StackRunner::container(std::string_view service, int number) const {
    return fmt::format("{}-{}-{}", project(), service, number);
}

std::string StackRunner::write(std::string_view name, std::string_view content, unsigned mode) const {
    return dirs_.dir().write(fmt::format("{}/{}", project(), name), content, mode);
}

RunningStack StackRunner::start(Invocation invocation) const {
    auto impl = std::make_unique<RunningStack::Impl>();
    impl->limit = invocation.limit;
    SpawnOptions options;
    if (invocation.terminal) invocation.env.emplace("TERM", "xterm");
    options.env = environment(invocation.env);
    options.working_dir = invocation.working_dir.empty() ? dirs_.project_dir() : invocation.working_dir;
    std::vector<std::string> argv{program(), "--root", dirs_.root(), "--run-root", dirs_.run_root()};
    argv.insert(argv.end(), invocation.args.begin(), invocation.args.end());

    UniqueFd input;
    if (!invocation.input.empty()) {
        input = anonymous_file("stdin");
        write_all(input.get(), invocation.input, "stdin");
        ::lseek(input.get(), 0, SEEK_SET);
    }
    if (!invocation.terminal) {
        options.argv = std::move(argv);
        options.fds = {input.valid() ? input.get() : -1, impl->out.get(), impl->err.get()};
        impl->process = spawn(options);
        return RunningStack{std::move(impl)};
    }
    int master = -1;
    int slave = -1;
    winsize size{24, 80, 0, 0};
    if (::openpty(&master, &slave, nullptr, nullptr, &size) != 0) throw_errno("open a terminal");
    impl->terminal = UniqueFd{master};
    const UniqueFd inside{slave};
    ::fcntl(master, F_SETFD, FD_CLOEXEC);
    ::fcntl(slave, F_SETFD, FD_CLOEXEC);
    // setsid(1) makes it the controlling terminal, so that Ctrl-C is a signal. It executes in place.
    options.argv = {"/usr/bin/setsid", "--ctty"};
    options.argv.insert(options.argv.end(), argv.begin(), argv.end());
    options.fds = {slave, slave, slave};
    impl->process = spawn(options);
    impl->drain = std::thread{drain_terminal, impl->terminal.get(), impl->out.get(), std::cref(impl->ended)};
    return RunningStack{std::move(impl)};
}

Outcome StackRunner::run(Invocation invocation) const {
    return start(std::move(invocation)).wait();
}
Outcome StackRunner::run(std::vector<std::string> args) const {
    Invocation invocation;
    invocation.args = std::move(args);
    return run(std::move(invocation));
}

void StackRunner::import_payload_image() const {
    const std::string rootfs = dirs_.dir().file("payload-rootfs");
    make_payload_rootfs(rootfs);
    const Outcome done = run({"image", "import", "payload", rootfs});
    if (done.exit_code != 0) throw Error{ErrorKind::failed, "stack image import: " + done.text()};
}

std::vector<int> StackRunner::processes(std::string_view command_name) const {
    std::vector<int> found;
    for (const ProcessFacts& process : processes_of(dirs_.dir().path()))
        if (command_name.empty() || process.name == command_name) found.push_back(process.pid);
    return found;
}

int StackRunner::supervisor() const {
    // The keeper's arguments hold the supervisor's.
    for (const ProcessFacts& process : processes_of(dirs_.dir().path()))
        if (process.name != "stack-keeper" && std::find(process.arguments.begin(), process.arguments.end(),
                                                        "supervise") != process.arguments.end())
            return process.pid;
    return 0;
}

int StackRunner::keeper() const {
    const std::vector<int> found = processes("stack-keeper");
    return found.empty() ? 0 : found.front();
}

}  // namespace stack::test
