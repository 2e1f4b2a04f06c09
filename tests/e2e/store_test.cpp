// Disk space and volumes: what `df` counts, what `gc` and `prune` take, and what they leave.
#include "tests/support/stack_test_fixture.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kWithVolume = R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    volumes: [data:/data]
volumes:
  data:
)";

class Store : public StackTest {
  protected:
    Outcome run(std::vector<std::string> args) const { return stack().run(std::move(args)); }
    [[nodiscard]] json df() const { return json::parse(run({"df", "--format", "json"}).out); }
};

TEST_F(Store, PartsOfDfAddUpToItsSum) {
    up(kWithVolume);
    ASSERT_EQ(run({"stop", "-t", "1"}).exit_code, 0);
    const json told = df();
    std::uint64_t sum = 0;
    for (const json& part : told.at("Parts")) sum += part.at("Size").get<std::uint64_t>();
    EXPECT_EQ(told.at("Size"), sum);
    EXPECT_EQ(told.at("Images").at(0).at("KeptBy"), "container " + stack().container("web"));
    EXPECT_THAT(run({"df", "-v"}).out, HasSubstr(stack().project() + "_data"));
}

TEST_F(Store, GcLeavesWhatIsInUseAndFreesWhatItPromised) {
    up(kWithVolume);
    ASSERT_EQ(run({"image", "import", "-q", "other:1", stack().dirs().project_dir()}).exit_code, 0);
    EXPECT_THAT(run({"gc"}).out, HasSubstr("Nothing to remove"));
    const Outcome preview = run({"gc", "--keep", "1k", "--dry-run"});
    EXPECT_THAT(preview.out, HasSubstr("Would remove image other:1"));
    EXPECT_THAT(preview.out, Not(HasSubstr("payload")));
    EXPECT_THAT(run({"gc", "--keep", "1k"}).out, HasSubstr("Removed image other:1"));
    EXPECT_THAT(run({"image", "ls"}).out, HasSubstr("payload"));
    EXPECT_EQ(container("web").value("State", ""), "running");
}

TEST_F(Store, VolumesAreMadeListedAndRemovedWhenNobodyUsesThem) {
    const std::string data = stack().project() + "_data";
    up(kWithVolume);
    EXPECT_EQ(run({"volumes", "-q"}).out, data + "\n");
    EXPECT_EQ(run({"volume", "create", "--label", "by=hand", "mine"}).out, "mine\n");
    EXPECT_EQ(run({"volume", "ls", "-q", "--filter", "dangling=true"}).out, "mine\n");
    EXPECT_EQ(json::parse(run({"volume", "inspect", "mine"}).out).at(0).at("Labels").at("by"), "hand");
    const Outcome used = run({"volume", "rm", data, "mine"});
    EXPECT_EXIT_CODE(used, 1);
    EXPECT_THAT(used.err, HasSubstr("is used by " + stack().container("web")));
    EXPECT_EQ(used.out, "mine\n");
    const Outcome prune = run({"volume", "prune", "--all"});  // nobody to ask, and not forced
    EXPECT_NE(prune.exit_code, 0);
    EXPECT_THAT(prune.err, HasSubstr("use --force"));
    EXPECT_EXIT_CODE(run({"down"}), 0);
    EXPECT_THAT(run({"volume", "prune", "-af"}).out, HasSubstr("Deleted Volumes:\n" + data + "\n"));
}

}  // namespace
}  // namespace stack::test
