// stack-keeper: the process behind a running project that never needs to be replaced.
//
// It is the kernel's parent of every container (their creator, the supervisor, clones with CLONE_PARENT), and does four
// things: reap and write down exits, hold descriptors under names, restart the supervisor, and tell a new one what it
// holds and knows. It decides nothing. Frames, order and journal: keeper_protocol.hpp.
//
// Written to survive: static, no library beyond libc, no allocation after start, tables of fixed size, no path touched
// after start, every send non-blocking. When the table of exits is full it stops reaping, and the kernel keeps the
// rest as zombies. When the disk is full, exits wait in memory for the journal and are told all the same.
//
//     stack-keeper --journal FILE [--hold NAME=FD[,FD…]]… -- SUPERVISOR [ARGUMENT…]
//
// Ends: 0 after the supervisor said quit and ended, or ended with 0 by itself and no child is left; 1 when the supervisor
// can't be kept running and no child is left.
#include "runtime/keeper/keeper_state.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

namespace stack::keeper {

Keeper keeper;

std::int64_t now_ns(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * kSecond + time.tv_nsec;
}

namespace {

constexpr int kSupervisorSocket = 3;  // its number in the supervisor

ssize_t read_small_file(const char* path, char* buffer, std::size_t size) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    const ssize_t got = ::read(fd, buffer, size - 1);
    ::close(fd);
    buffer[got > 0 ? got : 0] = '\0';
    return got;
}

// ---- The supervisor ----

void write_oom_score(const char* text) {
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (::write(fd, text, ::strlen(text)) < 0) { /* lowering it needs CAP_SYS_RESOURCE: best effort */
    }
    ::close(fd);
}

[[noreturn]] void exec_supervisor(int socket) {
    if (socket == kSupervisorSocket) {
        ::fcntl(socket, F_SETFD, 0);
    } else {
        ::dup2(socket, kSupervisorSocket);
    }
    write_oom_score(keeper.old_oom_score);
    for (int number = 1; number < 32; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(keeper.supervisor_argv[0], keeper.supervisor_argv);
    ::_exit(127);
}

void start_supervisor() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        keeper.start_again_at = now_ns(CLOCK_MONOTONIC) + kSecond;
        return;
    }
    const pid_t pid = ::fork();
    if (pid == 0) exec_supervisor(ends[1]);
    ::close(ends[1]);
    if (pid < 0) {
        ::close(ends[0]);
        keeper.start_again_at = now_ns(CLOCK_MONOTONIC) + kSecond;
        return;
    }
    keeper.supervisor = pid;
    keeper.socket = ends[0];
    keeper.started_at = now_ns(CLOCK_MONOTONIC);
    keeper.spoke = false;
    keeper.stage = Keeper::Stage::hello;
    keeper.next_entry = 0;
    keeper.next_told = keeper.first_exit;
}

bool has_children() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD;
}

void supervisor_ended(int status) {
    receive_what_there_is();  // what it said just before its death counts
    close_socket();
    keeper.supervisor = 0;
    if (keeper.quit) ::_exit(0);
    const std::int64_t now = now_ns(CLOCK_MONOTONIC);
    keeper.quick_deaths = now - keeper.started_at < kSecond ? keeper.quick_deaths + 1 : 0;
    keeper.silent_deaths = keeper.spoke || keeper.quick_deaths == 0 ? 0 : keeper.silent_deaths + 1;
    if (!has_children()) {
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) ::_exit(0);
        if (keeper.silent_deaths >= 10) ::_exit(1);
    }
    // At once after accidents; a supervisor that can't live is tried once a second, for the containers' sake.
    std::int64_t delay = 0;
    for (int i = 10; i < keeper.quick_deaths && delay < kSecond; ++i)
        delay = delay == 0 ? kSecond / 64 : delay * 2;
    keeper.start_again_at = now + delay;
}

// ---- Children ----

// Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so count from the last parenthesis.
std::uint64_t start_time_of(pid_t pid) {
    char path[32], text[1024];
    ::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_small_file(path, text, sizeof text) <= 0) return 0;
    const char* at = ::strrchr(text, ')');
    for (int field = 2; at != nullptr && field < 22; ++field) at = ::strchr(at + 1, ' ');
    return at == nullptr ? 0 : ::strtoull(at + 1, nullptr, 10);
}

int raw_status(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
    return (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

void record_exit(const siginfo_t& info) {
    Exit& slot = exit_at(keeper.next_sequence);
    slot = Exit{};
    slot.record = JournalRecord{};
    slot.record.pid = info.si_pid;
    slot.record.status = raw_status(info);
    slot.record.sequence = keeper.next_sequence;
    slot.record.time_ns = now_ns(CLOCK_REALTIME);
    slot.record.start_time = start_time_of(info.si_pid);
    ::memcpy(slot.record.boot_id, keeper.boot_id, sizeof keeper.boot_id);
    slot.record.checksum = journal_checksum(slot.record);
    // In order: behind one that still waits for the disk, this one waits too.
    slot.journaled = !journal_is_behind() && append_to_journal(slot.record);
    ++keeper.next_sequence;
}

// Looked at first and reaped after it is written down: a keeper killed in between leaves a zombie, not a gap.
void reap_children() {
    if (keeper.supervisor != 0) {
        int status = 0;
        if (::waitpid(keeper.supervisor, &status, WNOHANG) == keeper.supervisor) supervisor_ended(status);
    }
    while (!exits_full()) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 || info.si_pid == 0) return;
        int status = 0;
        if (info.si_pid == keeper.supervisor) {
            ::waitpid(keeper.supervisor, &status, 0);
            supervisor_ended(status);
            continue;
        }
        record_exit(info);
        ::waitpid(info.si_pid, &status, __WALL);
    }
}

void handle_signals() {
    signalfd_siginfo info{};
    while (::read(keeper.signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
        if (info.ssi_signo == SIGTERM && keeper.supervisor != 0) ::kill(keeper.supervisor, SIGTERM);
}

// ---- Start ----

[[noreturn]] void refuse(const char* why) {
    ::fprintf(stderr, "stack-keeper: %s\n", why);
    ::_exit(2);
}

void hold_argument(char* text) {
    char* equals = ::strchr(text, '=');
    if (equals == nullptr) refuse("--hold needs NAME=FD[,FD...]");
    *equals = '\0';
    int fds[kMaxFdsPerEntry];
    std::size_t count = 0;
    char* at = equals;  // at the separator before each number
    do {
        const int fd = static_cast<int>(::strtol(at + 1, &at, 10));
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) refuse("--hold names a descriptor that is not open");
        fds[count++] = fd;
    } while (*at == ',' && count < kMaxFdsPerEntry);
    if (*at != '\0') refuse("--hold needs NAME=FD[,FD...]");
    hold(text, fds, count);
}

void size_tables() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t room = limit.rlim_cur > 64 ? (limit.rlim_cur - 32) / kMaxFdsPerEntry : 8;
    keeper.entry_limit = room < kMaxEntries ? room : kMaxEntries;
}

void read_boot_id() {
    char text[64];
    if (read_small_file("/proc/sys/kernel/random/boot_id", text, sizeof text) <= 0) return;
    std::size_t digits = 0;
    for (const char* at = text; *at != '\0' && digits < 32; ++at) {
        const char c = *at;
        const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0) continue;
        std::uint8_t& byte = keeper.boot_id[digits / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | value);
        ++digits;
    }
}

void open_journal(const char* path) {
    keeper.journal = ::open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (keeper.journal < 0) refuse("the journal can't be opened");
    align_journal();
    keeper.first_exit = keeper.next_sequence = last_sequence_in_journal() + 1;
}

void take_signals() {
    sigset_t ours;
    ::sigemptyset(&ours);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN,
                             SIGTTOU, SIGALRM, SIGPIPE, SIGXFSZ})
        ::sigaddset(&ours, number);
    ::sigprocmask(SIG_BLOCK, &ours, nullptr);
    keeper.signals = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (keeper.signals < 0) refuse("no signalfd");
    ::signal(SIGCHLD, SIG_DFL);  // inherited as ignored, it would let the kernel swallow exits
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);
}

void parse_arguments(int argc, char** argv) {
    const char* journal = nullptr;
    int at = 1;
    for (; at < argc && ::strcmp(argv[at], "--") != 0; at += 2) {
        if (at + 1 >= argc) refuse("an option without its value");
        if (::strcmp(argv[at], "--journal") == 0) {
            journal = argv[at + 1];
        } else if (::strcmp(argv[at], "--hold") == 0) {
            hold_argument(argv[at + 1]);
        } else {
            refuse("unknown option");
        }
    }
    if (journal == nullptr || at + 1 >= argc)
        refuse("usage: --journal FILE [--hold NAME=FD,...] -- SUPERVISOR...");
    keeper.supervisor_argv = argv + at + 1;
    open_journal(journal);
}

int poll_timeout_ms() {
    std::int64_t timeout = -1;
    const auto at_most = [&timeout](std::int64_t ns) {
        if (ns < 0) ns = 0;
        if (timeout < 0 || ns < timeout) timeout = ns;
    };
    if (keeper.supervisor == 0) at_most(keeper.start_again_at - now_ns(CLOCK_MONOTONIC));
    if (journal_is_behind()) at_most(kSecond);
    if (keeper.blocked == Keeper::Blocked::descriptors) at_most(kSecond / 50);
    if (exits_full()) at_most(kSecond / 20);
    return timeout < 0 ? -1 : static_cast<int>((timeout + 999'999) / 1'000'000);
}

[[noreturn]] void run() {
    for (;;) {
        reap_children();
        if (keeper.supervisor == 0 && now_ns(CLOCK_MONOTONIC) >= keeper.start_again_at) start_supervisor();
        receive_what_there_is();
        send_what_there_is();
        const short talk = keeper.blocked == Keeper::Blocked::buffer ? POLLIN | POLLOUT : POLLIN;
        pollfd watched[2] = {{keeper.signals, POLLIN, 0}, {keeper.socket, talk, 0}};
        ::poll(watched, 2, poll_timeout_ms());
        handle_signals();
        if (journal_is_behind()) retry_journal();
        forget_finished_exits();
    }
}

}  // namespace
}  // namespace stack::keeper

int main(int argc, char** argv) {
    using namespace stack::keeper;
    keeper.socket = keeper.journal = -1;
    size_tables();
    read_boot_id();
    parse_arguments(argc, argv);
    take_signals();
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    char number[8];
    ::snprintf(number, sizeof number, "%d", kSupervisorSocket);
    ::setenv(kSocketVariable, number, 1);  // the last allocation
    read_small_file("/proc/self/oom_score_adj", keeper.old_oom_score, sizeof keeper.old_oom_score);
    write_oom_score("-500");
    run();
}
