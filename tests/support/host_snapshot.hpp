// What the kernel holds that this program could have left behind, as sorted lines: compare before and after.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace stack::test {

/// Limits a snapshot to what belongs to one test; tests run beside each other. Empty: the whole machine.
struct SnapshotScope {
    std::string directory;  ///< processes and mounts that mention it (TempDir::path())
    std::string project;    ///< cgroups whose path contains it (TempRoot::project())
};

/// Lines such as `link stk0`, `nft table inet stack`, `mount /run/stack/… (nsfs)`, `cgroup /stack/shop`,
/// `process stack-keeper`, `device /dev/null 20666 0:0 1:3` (mode, owner, number), and for the whole machine
/// `keys 0 keyring _ses: 1` (user, type, description, how many). Links, rules and mounts are those of the calling thread's
/// namespaces.
struct HostSnapshot {
    std::set<std::string> lines;
    static HostSnapshot take(const SnapshotScope& scope = {});
    [[nodiscard]] std::string text() const;
    /// Lines of `after` that this one lacks.
    [[nodiscard]] std::vector<std::string> added_in(const HostSnapshot& after) const;
};

/// Remembers the state at construction. `clean()` polls (teardown of a namespace is asynchronous in the
/// kernel) until nothing more is there than then, and lists what is left otherwise:
/// EXPECT_TRUE(leaks.clean());
class LeakCheck {
  public:
    explicit LeakCheck(SnapshotScope scope = {});
    [[nodiscard]] ::testing::AssertionResult clean() const;

  private:
    SnapshotScope scope_;
    HostSnapshot before_;
};

}  // namespace stack::test
