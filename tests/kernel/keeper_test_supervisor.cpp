// A small supervisor for tests of the keeper. It may be killed at any instruction and starts over from its files:
//
//     DIR/started   one line "INDEX PID" for each container, written before the container may run
//     DIR/exits     one line "SEQUENCE PID STATUS OUTPUT" for each exit, written before it is acknowledged
//
// Containers are children of the keeper (CLONE_PARENT) that write "outputINDEX" to a held file, wait a moment, and
// exit with INDEX % 200.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/keeper/keeper_client.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include <fmt/format.h>

namespace {

using namespace stack;

struct Supervisor {
    std::string directory;
    int total = 0;
    KeeperClient& keeper;
    std::map<std::string, UniqueFd> pipes;  // "c<INDEX>", as the keeper holds them
    std::map<pid_t, int> started;           // pid -> index; the last of a pid wins
    std::set<std::uint64_t> recorded;
    std::set<int> ended;
    int next = 0;

    void append(const char* file, const std::string& line) {
        const UniqueFd fd{
            ::open((directory + file).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)};
        write_all(fd.get(), line, file);
    }

    void read_files() {
        std::ifstream exits{directory + "/exits"}, starts{directory + "/started"};
        std::uint64_t sequence;
        int index;
        pid_t pid;
        while (starts >> index >> pid) {
            started[pid] = index;
            next = index + 1;
        }
        std::string status, output;
        while (exits >> sequence >> pid >> index >> output) recorded.insert(sequence);
    }

    void take(const ExitRecord& record) {
        if (!recorded.contains(record.sequence)) {
            std::string output = "none";
            if (const auto at = started.find(record.pid); at != started.end()) {
                const std::string name = fmt::format("c{}", at->second);
                if (const auto pipe = pipes.find(name); pipe != pipes.end())
                    output = read_held(pipe->second.get());
                if (output.empty()) output = "empty";
            }
            append("/exits",
                   fmt::format("{} {} {} {}\n", record.sequence, record.pid, record.wait_status, output));
            recorded.insert(record.sequence);
        }
        if (const auto at = started.find(record.pid); at != started.end()) {
            keeper.drop(fmt::format("c{}", at->second));
            ended.insert(at->second);
        }
        keeper.acknowledge(record.sequence);
    }

    // Not consumed by reading: the exit is looked at again if we die before it is recorded.
    static std::string read_held(int fd) {
        char text[64];
        const ssize_t got = ::pread(fd, text, sizeof text, 0);
        return {text, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
    }

    void start_container(int index) {
        UniqueFd output{::memfd_create("output", MFD_CLOEXEC)};
        Pipe go = make_pipe();
        const int fd = output.get();
        keeper.hold(fmt::format("c{}", index), std::span{&fd, 1});
        clone_args args{};
        args.flags = CLONE_PARENT;
        const long pid = ::syscall(SYS_clone3, &args, sizeof args);
        if (pid < 0) throw_errno("clone3");
        if (pid == 0) {
            ::close(go.write.get());
            char byte;
            if (::read(go.read.get(), &byte, 1) != 1) ::_exit(250);  // the supervisor died before its record
            const std::string text = fmt::format("output{}", index);
            if (::write(output.get(), text.data(), text.size()) < 0) ::_exit(251);
            ::usleep(static_cast<useconds_t>(index * 7919 % 20000));
            ::_exit(index % 200);
        }
        append("/started", fmt::format("{} {}\n", index, pid));
        started[static_cast<pid_t>(pid)] = index;
        write_all(go.write.get(), "x", "go");
        pipes[fmt::format("c{}", index)] = std::move(output);
    }

    int alive() const {
        int count = 0;
        for (const auto& [name, pipe] : pipes) count += !ended.contains(std::stoi(name.substr(1)));
        return count;
    }

    void run() {
        read_files();
        KeeperClient::Inheritance inherited = keeper.receive_inheritance();
        for (KeeperClient::Held& held : inherited.held)
            if (held.name[0] == 'c') pipes[held.name] = std::move(held.fds.at(0));
        for (const ExitRecord& record : inherited.exits) take(record);
        for (;;) {
            while (next < total && alive() < 8) start_container(next++);
            if (next == total && finished()) break;
            pollfd entry{keeper.fd(), POLLIN, 0};
            ::poll(&entry, 1, -1);
            while (const auto record = keeper.try_receive()) take(*record);
        }
        keeper.quit();
    }

    // Every container in `started` has its line in `exits`.
    bool finished() const {
        std::ifstream exits{directory + "/exits"};
        std::uint64_t sequence;
        pid_t pid;
        int status;
        std::string output;
        std::multiset<pid_t> gone;
        while (exits >> sequence >> pid >> status >> output) gone.insert(pid);
        std::ifstream starts{directory + "/started"};
        int index;
        while (starts >> index >> pid)
            if (gone.find(pid) == gone.end()) return false;
        return true;
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string mode = argv[1];
    if (mode == "crash") return 3;
    auto keeper = stack::KeeperClient::from_environment();
    if (!keeper) return 4;
    std::ofstream{std::string{argv[2]} + "/supervisor"} << ::getpid() << '\n';
    if (mode == "leave") {
        keeper->receive_inheritance();
        return 0;
    }
    if (mode == "terminate") {  // ends by the signal that the keeper passes on, and then leaves
        const std::string marker = std::string{argv[2]} + "/terminated";
        const auto inherited = keeper->receive_inheritance();
        std::ofstream{std::string{argv[2]} + "/held"}
            << (inherited.held.empty() ? "" : inherited.held[0].name) << '\n';
        if (::access(marker.c_str(), F_OK) == 0) {
            keeper->quit();
            return 0;
        }
        sigset_t term;
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, nullptr);
        std::ofstream{std::string{argv[2]} + "/ready"} << "x";
        siginfo_t info{};
        ::sigwaitinfo(&term, &info);
        std::ofstream{marker} << "x";
        return 1;
    }
    Supervisor supervisor{argv[2], std::atoi(argv[3]), *keeper, {}, {}, {}, {}, 0};
    supervisor.run();
    return 0;
}
