// `cgroup_parent`: below which group a container lies, and whose that group is. Runs on the host's hierarchy and once more on
// pure cgroup v2.
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class CgroupParent : public StackTest {
  protected:
    void SetUp() override {
        if (path_exists("/run/systemd/system") && detect_cgroups().mode == CgroupLayout::Mode::v2)
            GTEST_SKIP() << "systemd rules the control groups of this host: systemd_test.cpp has its turn";
        StackTest::SetUp();
    }
    /// A group of the test's own, `below` it.
    [[nodiscard]] std::string parent(const std::string& below = "") const {
        return "/parent-" + stack().project() + below;
    }
    /// It, in each hierarchy that has it.
    [[nodiscard]] std::vector<std::string> groups(const std::string& below) const {
        const CgroupLayout layout = detect_cgroups();
        std::set<std::string> mounts{layout.unified_mount};
        for (const auto& [controller, mount] : layout.v1_mounts) mounts.insert(mount);
        std::vector<std::string> result;
        for (const std::string& mount : mounts)
            if (!mount.empty() && path_exists(mount + parent(below))) result.push_back(mount + parent(below));
        return result;
    }
    /// Groups with processes right below it, in any hierarchy.
    [[nodiscard]] std::set<std::string> populated_below(const std::string& below) const {
        std::set<std::string> result;
        for (const std::string& group : groups(below))
            for (const std::string& name : list_directory(group))
                if (!read_file_if_exists(group + "/" + name + "/cgroup.procs").value_or("").empty())
                    result.insert(name);
        return result;
    }
};

TEST_F(CgroupParent, IsMadeAndGoesWithTheLastOfItsContainers) {
    const std::string api = fmt::format(
        "services:\n  api: {{image: payload, command: [stack-payload, sleep], cgroup_parent: {}}}\n",
        parent().substr(1));
    up(api + fmt::format("  web: {{image: payload, mem_limit: 64m, command: [stack-payload, sleep], "
                         "cgroup_parent: {}/deep}}\n",
                         parent()));
    EXPECT_THAT(populated_below("/deep"), ElementsAre(StartsWith(container("web").value("ID", "-"))));
    up(api, {"--remove-orphans"});
    EXPECT_THAT(groups("/deep"), IsEmpty());
    EXPECT_THAT(groups(""), Not(IsEmpty()));
    EXPECT_EXIT_CODE(stack().run({"down", "-t", "0"}), 0);
    EXPECT_THAT(groups(""), IsEmpty());
}

TEST_F(CgroupParent, OfTheUsersStays) {
    // In one hierarchy only: in the others it is ours.
    const CgroupLayout layout = detect_cgroups();
    const std::string mount = layout.has_unified() ? layout.unified_mount : layout.v1_mounts.begin()->second;
    ASSERT_EQ(::mkdir((mount + parent()).c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((mount + parent("/users")).c_str(), 0755), 0);
    up(fmt::format(
        "services: {{web: {{image: payload, command: [stack-payload, sleep], cgroup_parent: {}}}}}",
        parent("/users/ours")));
    EXPECT_EXIT_CODE(stack().run({"restart", "-t", "0"}), 0);
    EXPECT_EXIT_CODE(stack().run({"down", "-t", "0"}), 0);
    EXPECT_THAT(groups("/users/ours"), IsEmpty());
    EXPECT_THAT(groups("/users"), ElementsAre(mount + parent("/users")));
    EXPECT_EQ(::rmdir((mount + parent("/users")).c_str()), 0);
    EXPECT_EQ(::rmdir((mount + parent()).c_str()), 0);
}

}  // namespace
}  // namespace stack::test
