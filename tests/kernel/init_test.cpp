// stack-init, as PID 1 of a pid namespace and as an ordinary process.
#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/paths.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace stack {
namespace {

const std::string kInit = test::program_path("stack-init");

struct Result {
    int exit_code;
    std::string out;
};

// Runs stack-init as PID 1 of a new pid namespace; `meanwhile` gets its pid once the first line has been printed.
Result run_as_pid_1(std::vector<std::string> argv, const std::function<void(pid_t)>& meanwhile = {}) {
    argv.insert(argv.begin(), kInit);
    Pipe out = make_pipe();
    std::vector<char*> pointers;
    for (std::string& text : argv) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    const pid_t pid =
        static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, nullptr, nullptr, nullptr, nullptr));
    if (pid == 0) {
        ::dup2(out.write.get(), 1);
        ::execv(pointers[0], pointers.data());
        ::_exit(99);
    }
    out.write.reset();
    std::string text;
    if (meanwhile) {
        char byte;
        while (::read(out.read.get(), &byte, 1) == 1 && byte != '\n') text += byte;
        text += '\n';
        meanwhile(pid);
    }
    text += read_all(out.read.get(), "output");
    int status = 0;
    ::waitpid(pid, &status, 0);
    return {exit_code_of_status(status), text};
}

class InitTest : public testing::Test {
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root for a pid namespace";
    }
};

TEST_F(InitTest, PassesTheExitCodeOn) {
    EXPECT_EQ(run_as_pid_1({"/bin/sh", "-c", "exit 7"}).exit_code, 7);
    EXPECT_EQ(run_as_pid_1({"--", "/bin/true"}).exit_code, 0);
}

TEST_F(InitTest, DeathBySignalIs128PlusItsNumber) {
    EXPECT_EQ(run_as_pid_1({"/bin/sh", "-c", "kill -9 $$"}).exit_code, 137);
}

TEST_F(InitTest, IsPid1AndTheProgramIsNot) {
    EXPECT_EQ(run_as_pid_1({"sh", "-c", "echo $PPID $$"}).out, "1 2\n");
}

TEST_F(InitTest, PassesSignalsOnToTheProgram) {
    const Result result = run_as_pid_1(
        {"sh", "-c",
         "trap 'echo usr1' USR1; trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.01; done"},
        [](pid_t pid) {
            ::kill(pid, SIGUSR1);
            ::kill(pid, SIGTERM);
        });
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_NE(result.out.find("usr1"), std::string::npos);
    EXPECT_NE(result.out.find("term"), std::string::npos);
}

TEST_F(InitTest, ASignalEndsAProgramWithoutAHandler) {
    // As PID 1 itself the program would ignore it.
    EXPECT_EQ(run_as_pid_1({"sh", "-c", "echo ready; exec sleep 60"}, [](pid_t pid) { ::kill(pid, SIGTERM); })
                  .exit_code,
              143);
}

TEST_F(InitTest, ReapsOrphans) {
    // Fifty grandchildren lose their parent; in the end the program alone is left.
    const Result result = run_as_pid_1(
        {"sh", "-c",
         "i=0; while [ $i -lt 50 ]; do (true & ) ; i=$((i+1)); done; echo ready; exec sleep 1000"},
        [](pid_t pid) {
            const std::string path =
                "/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children";
            std::string children;
            EXPECT_TRUE(test::eventually([&] {
                UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
                children = read_all(file.get(), "children");
                return std::count(children.begin(), children.end(), ' ') == 1;
            })) << children;
            ::kill(pid, SIGTERM);
        });
    EXPECT_EQ(result.exit_code, 143);
}

TEST_F(InitTest, SaysWhatItCanNotRun) {
    EXPECT_EQ(run_as_pid_1({"no-such-program-anywhere"}).exit_code, 127);
    EXPECT_EQ(run_as_pid_1({"/no/such/program"}).exit_code, 127);
    EXPECT_EQ(run_as_pid_1({"/etc/passwd"}).exit_code, 126);
    EXPECT_EQ(run_as_pid_1({""}).exit_code, 127);
    EXPECT_EQ(run_as_pid_1({}).exit_code, 2);
}

TEST_F(InitTest, TheProgramIsInTheForegroundOfItsTerminal) {
    int master = -1;
    const pid_t pid = ::forkpty(&master, nullptr, nullptr, nullptr);
    if (pid == 0) {
        ::execl(kInit.c_str(), kInit.c_str(), "sh", "-c", "read line; echo got $line; exit 5", nullptr);
        ::_exit(99);
    }
    const UniqueFd terminal{master};
    write_all(master, "input\n", "terminal");
    std::string text;
    char buffer[256];
    ssize_t got;
    while ((got = ::read(master, buffer, sizeof buffer)) > 0)
        text.append(buffer, static_cast<std::size_t>(got));
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 5);
    EXPECT_NE(text.find("got input"), std::string::npos) << text;
}

TEST_F(InitTest, IsSmall) {
    struct stat info {};
    ASSERT_EQ(::stat(kInit.c_str(), &info), 0);
    EXPECT_LT(info.st_size, 100 * 1024);
}

}  // namespace
}  // namespace stack
