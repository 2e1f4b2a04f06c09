// The keeper with a real supervisor that is killed at random moments while its containers come and go.
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/keeper/keeper_client.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/paths.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

namespace stack {
namespace {

using test::eventually;

using std::chrono::milliseconds;

class KeeperTest : public testing::Test {
  protected:
    void SetUp() override {
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // so that keepers end as our children
        char name[] = "/tmp/stack-keeper-XXXXXX";
        directory = ::mkdtemp(name);
    }
    void TearDown() override {
        // The keeper's children become ours when it dies.
        if (keeper.valid() && keeper.alive()) keeper.signal(SIGKILL);
        EXPECT_TRUE(eventually([&] {
            pid_t reaped;
            while ((reaped = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
            }
            if (const auto left = supervisor(); left && reaped == 0) ::kill(*left, SIGKILL);
            return reaped < 0;
        }));
        remove_tree(directory);
    }
    void start(std::vector<std::string> arguments, std::vector<KeeperStart::Held> held = {},
               const std::string& journal = {}) {
        const auto tests = std::filesystem::read_symlink("/proc/self/exe").parent_path();
        arguments.insert(arguments.begin(), tests / "keeper_test_supervisor");
        keeper = start_keeper({test::program_path("stack-keeper"),
                               journal.empty() ? directory + "/journal" : journal, arguments, "/",
                               std::move(held)});
    }
    int wait_for_keeper() {
        int status = -1;
        EXPECT_TRUE(eventually([&] { return ::waitpid(keeper.pid(), &status, WNOHANG) == keeper.pid(); }));
        return status;
    }
    std::optional<pid_t> supervisor() const {
        const auto pid = parse_int(trim(read_file_if_exists(directory + "/supervisor").value_or("")));
        if (!pid) return std::nullopt;
        return static_cast<pid_t>(*pid);
    }
    std::string directory;
    ProcessHandle keeper;
};

struct ExitLine {
    std::uint64_t sequence;
    pid_t pid;
    int status;
    std::string output;
};

TEST_F(KeeperTest, NoExitIsLostOrDoubledWhenTheSupervisorIsKilledAtAnyMoment) {
    constexpr int kContainers = 400;
    start({"run", directory, std::to_string(kContainers)});
    std::mt19937 random{12345};
    int kills = 0, status = 0;
    bool ended = false;
    // Every fourth one gets something done before: the keeper gives up those who die ten times in a row without a word, and
    // on slow machines that is what a random moment hits.
    const auto done = [&] { return read_file_if_exists(directory + "/started").value_or("").size(); };
    std::size_t done_before = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{100};
    while (!ended && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(milliseconds{random() % 60 + 1});
        if (kills < 16 && (kills % 4 != 3 || done() != done_before)) {
            done_before = done();
            if (const auto pid = supervisor())
                if (const auto process = ProcessHandle::open(*pid)) kills += process->signal(SIGKILL);
        }
        ended = ::waitpid(keeper.pid(), &status, WNOHANG) == keeper.pid();
    }
    ASSERT_TRUE(ended);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_GE(kills, 10);

    std::map<pid_t, std::vector<ExitLine>> exits;
    std::set<std::uint64_t> sequences;
    std::ifstream file{directory + "/exits"};
    for (ExitLine line{}; file >> line.sequence >> line.pid >> line.status >> line.output;) {
        EXPECT_TRUE(sequences.insert(line.sequence).second) << "told and recorded twice: " << line.sequence;
        exits[line.pid].push_back(line);
    }
    std::ifstream starts{directory + "/started"};
    int index, count = 0, unreleased = 0;
    for (pid_t pid; starts >> index >> pid; ++count) {
        ASSERT_EQ(exits[pid].size(), 1u) << "container " << index;
        const ExitLine& line = exits[pid].front();
        if (line.status == 250 << 8) {  // killed between the record and the permission to run
            ++unreleased;
            continue;
        }
        EXPECT_EQ(line.status, (index % 200) << 8);
        EXPECT_EQ(line.output, "output" + std::to_string(index));
    }
    EXPECT_GE(count,
              kContainers - kills);  // an index may be skipped by a kill between pid and record, no more
    EXPECT_LE(unreleased, kills);

    // The journal tells the same, and more: the killed supervisors' unrecorded clones.
    std::set<std::uint64_t> journal;
    for (const ExitRecord& record : read_exit_journal(directory + "/journal")) {
        EXPECT_TRUE(journal.insert(record.sequence).second);
        EXPECT_EQ(record.boot_id, boot_id());
        EXPECT_GT(record.start_time, 0u);
    }
    EXPECT_EQ(*journal.rbegin(), journal.size());  // no gap
    for (const std::uint64_t sequence : sequences) EXPECT_TRUE(journal.contains(sequence));
}

TEST_F(KeeperTest, PassesSIGTERMOnIgnoresHangupAndRestartsASupervisorThatFails) {
    Pipe pipe = make_pipe();
    start({"terminate", directory}, {{"lock", {pipe.read.get(), pipe.write.get()}}});
    ASSERT_TRUE(eventually([&] { return path_exists(directory + "/ready"); }));
    keeper.signal(SIGHUP);
    keeper.signal(SIGINT);
    EXPECT_TRUE(keeper.alive());
    keeper.signal(SIGTERM);
    const int status = wait_for_keeper();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(trim(read_file(directory + "/held")), "lock");  // still held for the second one
}

TEST_F(KeeperTest, LeavesWithASupervisorThatEndsWellAndHasNoChildren) {
    start({"leave", directory});
    const int status = wait_for_keeper();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(KeeperTest, GivesUpOnASupervisorThatCanNotLiveWhenThereIsNothingToKeep) {
    start({"crash", directory});
    const int status = wait_for_keeper();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

TEST_F(KeeperTest, BelongsToNoTerminalAndNoSessionOfTheCaller) {
    start({"terminate", directory});
    ASSERT_TRUE(eventually([&] { return path_exists(directory + "/ready"); }));
    EXPECT_NE(::getsid(keeper.pid()), ::getsid(0));
    for (const char* fd : {"0", "1", "2"}) {
        EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(keeper.pid()) + "/fd/" + fd),
                  "/dev/null");
    }
    const auto memory = read_file("/proc/" + std::to_string(keeper.pid()) + "/status");
    const std::size_t at = memory.find("RssAnon:");
    ASSERT_NE(at, std::string::npos);
    EXPECT_LT(std::atoi(memory.c_str() + at + 8), 512) << "kB of memory of its own";
}

TEST_F(KeeperTest, StartFailsWithAReasonWhenTheProgramIsMissing) {
    try {
        start_keeper({directory + "/no-such-keeper", directory + "/journal", {"/bin/true"}, "/", {}});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ENOENT);
    }
}

TEST_F(KeeperTest, TellsExitsWhileTheJournalsDiskIsFull) {
    start({"run", directory, "20"}, {}, "/dev/full");
    const int status = wait_for_keeper();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    const std::string exits = read_file(directory + "/exits");
    EXPECT_EQ(std::count(exits.begin(), exits.end(), '\n'), 20);
}

TEST_F(KeeperTest, ATornRecordOfAnEarlierKeeperIsCutOffAndSequencesGoOn) {
    start({"leave", directory});
    wait_for_keeper();
    { std::ofstream{directory + "/journal", std::ios::app} << "torn"; }
    start({"run", directory, "3"});
    wait_for_keeper();
    struct stat info {};
    ASSERT_EQ(::stat((directory + "/journal").c_str(), &info), 0);
    EXPECT_EQ(info.st_size % 64, 0);
    start({"run", directory, "6"});
    wait_for_keeper();
    const auto records = read_exit_journal(directory + "/journal");
    ASSERT_EQ(records.size(), 6u);
    EXPECT_EQ(records.back().sequence, 6u);
}

}  // namespace
}  // namespace stack
