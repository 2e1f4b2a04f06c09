// kill: which of a container's processes a signal reaches.
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class OciKill : public OciTest {
  protected:
    // The entries of linux.namespaces without a pid namespace.
    static constexpr const char* kSharesPids =
        R"({"linux": {"namespaces": [{"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}]}})";

    [[nodiscard]] std::size_t processes() const {
        return json::parse(must({"ps", "--format", "json", "one"})).size();
    }
    void start_two(const std::string& patch = "{}") {
        start_sleeping("one", patch);
        must({"exec", "-d", "one", "stack-payload", "sleep"});
        ASSERT_EQ(processes(), 2u);
    }
};

TEST_F(OciKill, AllReachesEveryProcess) {
    start_two(kSharesPids);
    must({"kill", "--all", "one", "TERM"});
    EXPECT_TRUE(becomes("one", "stopped"));
    EXPECT_TRUE(eventually([&] { return processes() == 0; }));
}

TEST_F(OciKill, ReachesTheFirstProcessOnlyUnlessAllAreMeant) {
    start_two(kSharesPids);
    must({"kill", "one", "TERM"});
    EXPECT_TRUE(eventually([&] { return processes() == 1; }));
    must({"kill", "one", "KILL"});
    EXPECT_TRUE(eventually([&] { return processes() == 0; }));
}

TEST_F(OciKill, EndsWhatWaitsForItsStart) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"kill", "one", "TERM"}, {"kill", "--all", "one", "TERM"}}) {
        must({"create", "--bundle", bundle({"stack-payload", "sleep"}), "one"});
        must(words);
        EXPECT_TRUE(becomes("one", "stopped"));
        must({"delete", "one"});
    }
}

TEST_F(OciKill, SaysWhenItReachesTheFirstProcessOnly) {
    const auto create = [&](const char* id, const std::string& patch) {
        must({"--cgroup-manager", "disabled", "run", "-d", "--bundle",
              bundle({"stack-payload", "sleep"}, patch), id});
    };
    constexpr const char* kWarning = "the container has no cgroup that names its processes";
    create("one", kSharesPids);
    EXPECT_THAT(call({"kill", "--all", "one", "0"}).err, HasSubstr(kWarning));
    EXPECT_THAT(call({"kill", "one", "KILL"}).err, HasSubstr(kWarning));
    EXPECT_TRUE(becomes("one", "stopped"));
    // The end of a pid namespace's first process is the end of all.
    create("two", "{}");
    EXPECT_EQ(call({"kill", "--all", "two", "KILL"}).err, "");
    EXPECT_TRUE(becomes("two", "stopped"));
}

}  // namespace
}  // namespace stack::test
