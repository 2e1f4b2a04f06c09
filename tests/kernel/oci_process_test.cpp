// `process` of config.json and flags of create: what the process finds of them.
#include "tests/kernel/oci_fixture.hpp"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class OciProcess : public OciTest {
  protected:
    std::string output(const std::string& script, const std::string& patch) {
        const OciResult result = call({"run", "--bundle", bundle({"sh", "-c", script}, patch), "one"});
        EXPECT_EQ(result.code, 0) << result.err;
        return result.out;
    }
};

TEST_F(OciProcess, HasItsGroups) {
    EXPECT_EQ(output("id -u; id -g; id -G",
                     R"({"process": {"user": {"uid": 7, "gid": 8, "additionalGids": [5, 4000000000]}}})"),
              "7\n8\n8 5 4000000000\n");
}

TEST_F(OciProcess, HasItsPersonality) {
    EXPECT_EQ(output("cat /proc/self/personality", R"({"linux": {"personality": {"domain": "LINUX32"}}})"),
              "00000008\n");
    EXPECT_EQ(output("cat /proc/self/personality", R"({"linux": {"personality": {"domain": "LINUX"}}})"),
              "00000000\n");
}

TEST_F(OciProcess, HasItsPriorities) {
    const auto priority = [&](const char* io_class, int level) {
        return output("ionice",
                      json{{"process", {{"ioPriority", {{"class", io_class}, {"priority", level}}}}}}.dump());
    };
    EXPECT_THAT(priority("IOPRIO_CLASS_IDLE", 0), HasSubstr("idle"));
    EXPECT_THAT(priority("IOPRIO_CLASS_BE", 6), HasSubstr("best-effort: prio 6"));
    EXPECT_EQ(output("cut -d' ' -f19,41 /proc/self/stat",
                     R"({"process": {"scheduler": {"policy": "SCHED_BATCH", "nice": 5}}})"),
              "5 3\n");
}

TEST_F(OciProcess, MayBeDescribedElsewhere) {
    const std::string usual = bundle({"echo", "usual"}), other = bundle({"echo", "other"});
    EXPECT_EQ(must({"run", "--bundle", usual, "--config", other + "/config.json", "one"}), "other\n");
    must({"create", "--bundle", usual, "-f", other + "/config.json", "one"});
    EXPECT_EQ(state("one")["bundle"], usual);
    EXPECT_THAT(refusal({"create", "--bundle", usual, "--config", other + "/no.json", "two"}),
                HasSubstr(other + "/no.json not found"));
}

// One that is listed only to those who have it.
TEST_F(OciProcess, HasASessionKeyringOfItsOwnUnlessTheCallersIsWanted) {
    const std::string name = fmt::format("stack-test-{}", ::getpid());
    const long keyring = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.c_str());
    constexpr unsigned kPossessorOnly = 0x3f000000;
    if (keyring < 0 || ::syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, kPossessorOnly) != 0)
        GTEST_SKIP() << "no keyrings here";
    const std::string where = bundle({"cat", "/proc/keys"}, R"({"linux": {"maskedPaths": []}})");
    EXPECT_THAT(must({"run", "--bundle", where, "one"}), Not(HasSubstr(name)));
    EXPECT_THAT(must({"run", "--no-new-keyring", "--bundle", where, "one"}), HasSubstr(name));
}

}  // namespace
}  // namespace stack::test
