// The pump with real pipes and ptys: order, streams, kills, rotation under load, full disks.
#include "manager/logs/log_pump.hpp"
#include "manager/logs/log_reader.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/eventually.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <random>
#include <thread>

#include <gtest/gtest.h>

namespace stack::logs {
namespace {

using test::eventually;

using std::chrono::milliseconds;
using std::chrono::seconds;

class LogPumpTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/stack-pump-XXXXXX";
        directory = ::mkdtemp(name);
        target = {directory, "web", 64u << 20, 5};
    }
    void TearDown() override { remove_tree(directory); }

    // A process that owns nothing but the write ends. `body` runs in it.
    pid_t start(const Pipe& out, const Pipe& err, const std::function<void(int out, int err)>& body) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::close(out.read.get());
            ::close(err.read.get());
            body(out.write.get(), err.write.get());
            ::_exit(0);
        }
        children.push_back(pid);
        return pid;
    }
    void reap() {
        for (const pid_t pid : children) ::waitpid(pid, nullptr, 0);
        children.clear();
    }
    std::size_t expect_numbers(std::size_t count) {
        LogReader reader{directory, "web", {}};
        std::size_t next = 1;
        while (const auto line = reader.next()) {
            EXPECT_EQ(line->text, std::to_string(next)) << "line " << next;
            if (line->text != std::to_string(next)) break;
            ++next;
        }
        EXPECT_EQ(next, count + 1);
        return next;
    }
    std::string directory;
    LogTarget target;
    std::vector<pid_t> children;
};

// One write a line, as most programs do it.
void print_numbers(int fd, int from, int to) {
    char text[16];
    for (int i = from; i <= to; ++i) {
        const int length = ::snprintf(text, sizeof text, "%d\n", i);
        if (::write(fd, text, static_cast<std::size_t>(length)) != length) ::_exit(9);
    }
}

TEST_F(LogPumpTest, ThreeHundredThousandLinesComeBackInOrder) {
    std::atomic<int> finished = 0;
    LogPump pump{[&](const std::string& id) { finished += id == "c1"; }};
    Pipe out = make_log_pipe(), err = make_log_pipe();
    start(out, err, [](int fd, int) { print_numbers(fd, 1, 300000); });
    out.write.reset();
    err.write.reset();
    pump.add("c1", target, {std::move(out.read), std::move(err.read), {}, {}});
    ASSERT_TRUE(eventually([&] { return finished == 1; }, seconds{60}));
    reap();
    expect_numbers(300000);
}

// This process plays the keeper: it holds the read ends while one pump process after another is killed.
TEST_F(LogPumpTest, NothingIsLostOrDoubledWhenThePumpIsKilledAgainAndAgain) {
    Pipe out = make_log_pipe(), err = make_log_pipe(), done = make_pipe();
    start(out, err, [](int fd, int other) {
        for (int i = 0; i < 30; ++i) {
            print_numbers(fd, i * 10000 + 1, i * 10000 + 10000);
            ::usleep(5000);
            if (::write(other, "warning\n", 8) != 8) ::_exit(9);
        }
    });
    out.write.reset();
    err.write.reset();
    std::mt19937 random{4711};
    int kills = 0;
    bool finished = false;
    while (!finished) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::close(done.read.get());
            LogPump pump{[&](const std::string&) { ::_exit(42); }};
            pump.add("c1", target, {out.read.duplicate(), err.read.duplicate(), {}, {}});
            for (;;) ::pause();
        }
        // Short lives while there is something to pump, then one long enough to end.
        const auto life = std::chrono::microseconds{kills < 60 ? random() % 12000 + 200 : 20'000'000};
        const auto end = std::chrono::steady_clock::now() + life;
        int status = 0;
        while (std::chrono::steady_clock::now() < end && !finished) {
            finished = ::waitpid(pid, &status, WNOHANG) == pid;
            if (!finished) std::this_thread::sleep_for(std::chrono::microseconds{100});
        }
        if (!finished) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, &status, 0);
            ++kills;
            ASSERT_LT(kills, 70);
        } else {
            EXPECT_EQ(WEXITSTATUS(status), 42);
        }
    }
    reap();
    EXPECT_GE(kills, 10);
    LogReader reader{directory, "web", {}};
    int numbers = 0, warnings = 0;
    while (const auto line = reader.next()) {
        if (line->stream == LogStream::err) {
            EXPECT_EQ(line->text, "warning");
            ++warnings;
            continue;
        }
        ASSERT_EQ(line->text, std::to_string(numbers + 1));
        ++numbers;
    }
    EXPECT_EQ(numbers, 300000);
    EXPECT_EQ(warnings, 30);
}

TEST_F(LogPumpTest, KeepsStdoutAndStderrApart) {
    std::atomic<bool> finished = false;
    LogPump pump{[&](const std::string&) { finished = true; }};
    Pipe out = make_log_pipe(), err = make_log_pipe();
    start(out, err, [](int o, int e) {
        for (int i = 0; i < 5000; ++i) {
            const std::string text = std::to_string(i);
            if (::write(o, ("o" + text + "\n").c_str(), text.size() + 2) < 0) ::_exit(9);
            if (::write(e, ("e" + text + "\n").c_str(), text.size() + 2) < 0) ::_exit(9);
        }
    });
    out.write.reset();
    err.write.reset();
    pump.add("c1", target, {std::move(out.read), std::move(err.read), {}, {}});
    ASSERT_TRUE(eventually([&] { return finished.load(); }));
    reap();
    LogReader reader{directory, "web", {}};
    int outs = 0, errs = 0;
    while (const auto line = reader.next())
        ASSERT_EQ(line->text, line->stream == LogStream::out ? "o" + std::to_string(outs++)
                                                             : "e" + std::to_string(errs++));
    EXPECT_EQ(outs, 5000);
    EXPECT_EQ(errs, 5000);
}

TEST_F(LogPumpTest, RotatesUnderLoadWhileAReaderFollows) {
    target.max_size_bytes = 100'000;
    target.max_files = 30;
    std::atomic<bool> finished = false;
    LogPump pump{[&](const std::string&) { finished = true; }};
    Pipe out = make_log_pipe(), err = make_log_pipe();
    start(out, err, [](int fd, int) { print_numbers(fd, 1, 200000); });
    out.write.reset();
    err.write.reset();
    LogReadOptions options;
    options.follow = true;
    MergedReader reader{options};
    reader.add({directory, "web"});
    pump.add("c1", target, {std::move(out.read), std::move(err.read), {}, {}});
    int next = 1;
    const auto end = std::chrono::steady_clock::now() + seconds{90};
    while (next <= 200000 && std::chrono::steady_clock::now() < end) {
        while (const auto line = reader.next()) ASSERT_EQ(line->line.text, std::to_string(next++));
        reader.wait(100);
    }
    EXPECT_EQ(next, 200001);
    ASSERT_TRUE(eventually([&] { return finished.load(); }));
    reap();
    EXPECT_GE(list_generations(directory, "web").back(), 10u);
}

TEST_F(LogPumpTest, ManyLogsAtOnceAndRemovalOfOne) {
    constexpr int kLogs = 40;
    std::atomic<int> finished = 0;
    LogPump pump{[&](const std::string&) { ++finished; }};
    std::vector<UniqueFd> writers;
    for (int i = 0; i < kLogs; ++i) {
        Pipe pipe = make_log_pipe();
        LogTarget one = target;
        one.name = "c" + std::to_string(i);
        pump.add(one.name, one, {std::move(pipe.read), {}, {}, {}});
        writers.push_back(std::move(pipe.write));
    }
    EXPECT_THROW(pump.add("c0", target, {}), Error);
    for (int i = 0; i < 1000; ++i)
        write_all(writers[static_cast<std::size_t>(i % kLogs)].get(), "line\n", "pipe");
    pump.remove("c7");
    EXPECT_EQ(count_log(directory, "c7").lines, 25u);  // what was in the pipe is in the file
    writers.clear();
    ASSERT_TRUE(eventually([&] { return finished == kLogs - 1; }));
    for (int i = 0; i < kLogs; ++i) EXPECT_EQ(count_log(directory, "c" + std::to_string(i)).lines, 25u) << i;
}

TEST_F(LogPumpTest, TerminalOutputRestsInAHeldPipe) {
    int master = -1, slave = -1;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    termios mode{};
    ::tcgetattr(slave, &mode);
    ::cfmakeraw(&mode);
    ::tcsetattr(slave, TCSANOW, &mode);
    UniqueFd keep{slave};
    Pipe rest = make_log_pipe();
    std::atomic<bool> finished = false;
    LogPump pump{[&](const std::string&) { finished = true; }};
    pump.add("c1", target, {{}, {}, UniqueFd{master}, std::move(rest)});
    std::thread writer{[&] { print_numbers(slave, 1, 20000); }};
    writer.join();
    keep.reset();
    ASSERT_TRUE(eventually([&] { return finished.load(); }));
    expect_numbers(20000);
}

TEST_F(LogPumpTest, AFullDiskHoldsTheWriterAndLosesNothing) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a small tmpfs";
    const pid_t pid = ::fork();  // a mount namespace of its own
    if (pid == 0) {
        const std::string small = directory + "/small";
        if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            ::_exit(2);
        make_directories(small);
        if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=256k") != 0) ::_exit(3);
        std::atomic<int> troubles = 0, finished = 0;
        const std::string ballast = small + "/ballast";
        {
            UniqueFd file{::open(ballast.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
            if (::posix_fallocate(file.get(), 0, 128 << 10) != 0) ::_exit(4);
        }
        LogPump pump{[&](const std::string&) { ++finished; },
                     [&](const std::string&, const Error& error) { troubles += error.code() == ENOSPC; }};
        Pipe pipe = make_pipe();
        LogTarget there = target;
        there.directory = small;
        pump.add("c1", there, {std::move(pipe.read), {}, {}, {}});
        std::thread writer{[&] {
            print_numbers(pipe.write.get(), 1, 33000);
            pipe.write.reset();
        }};
        if (!eventually([&] { return troubles == 1; })) ::_exit(5);
        ::unlink(ballast.c_str());
        if (!eventually([&] { return finished == 1; })) ::_exit(6);
        writer.join();
        LogReader reader{small, "web", {}};
        int next = 1;
        while (const auto line = reader.next())
            if (line->text != std::to_string(next++)) ::_exit(7);
        ::_exit(next == 33001 ? 0 : 8);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(LogPumpTest, LinesAreThereSoonAfterTheyAreWritten) {
    LogPump pump{{}};
    Pipe pipe = make_log_pipe();
    pump.add("c1", target, {std::move(pipe.read), {}, {}, {}});
    LogReadOptions options;
    options.follow = true;
    MergedReader reader{options};
    reader.add({directory, "web"});
    // A machine that stands still for a moment delays a few; a pump or a reader that is late delays all.
    int soon = 0;
    for (int i = 0; i < 20; ++i) {
        write_all(pipe.write.get(), "tick\n", "pipe");
        const auto begin = std::chrono::steady_clock::now();
        while (!reader.next()) reader.wait(1000);
        soon += std::chrono::steady_clock::now() - begin < milliseconds{500};
    }
    EXPECT_GE(soon, 10);
}

}  // namespace
}  // namespace stack::logs
