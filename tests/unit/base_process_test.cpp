#include "runtime/base/child_process.hpp"

#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace stack {
namespace {

// A record names a process by pid and start time: another one that has the pid by now is never signalled.
TEST(ProcessHandle, IsNotOpenedForAnotherProcessOfThatPid) {
    SpawnOptions sleeping;
    sleeping.argv = {"/bin/sleep", "1000"};
    const ProcessHandle child = spawn(sleeping);
    const std::optional<std::uint64_t> start = process_start_time(child.pid());
    ASSERT_TRUE(start);
    EXPECT_TRUE(ProcessHandle::open(child.pid(), start));
    EXPECT_FALSE(ProcessHandle::open(child.pid(), *start + 1));
    EXPECT_FALSE(ProcessHandle::open(child.pid(), *start - 1));
    EXPECT_TRUE(child.signal(SIGKILL));
    wait_for_exit(child);
    EXPECT_FALSE(ProcessHandle::open(child.pid(), start));
}

TEST(ProcessHandle, SignalsNobodyOnceItsProcessIsGone) {
    SpawnOptions brief;
    brief.argv = {"/bin/true"};
    const ProcessHandle child = spawn(brief);
    wait_for_exit(child);
    EXPECT_FALSE(child.alive());
    EXPECT_FALSE(child.signal(SIGKILL));
}

}  // namespace
}  // namespace stack
