// pause, resume, update, events: the commands that work on the container's cgroup.
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class OciLimits : public OciTest {
  protected:
    // A file of the first container's cgroup, wherever its controller is on this host.
    [[nodiscard]] std::string value(const std::string& controller, const std::string& v1,
                                    const std::string& v2) const {
        const CgroupLayout layout = detect_cgroups();
        const auto mount = layout.v1_mounts.find(controller);
        const std::string file = mount != layout.v1_mounts.end()
                                     ? mount->second + cgroup_parent() + "/0/" + v1
                                     : layout.unified_mount + cgroup_parent() + "/0/" + v2;
        return std::string{trim(read_file(file))};
    }
    [[nodiscard]] std::string memory() const {
        return value("memory", "memory.limit_in_bytes", "memory.max");
    }
    [[nodiscard]] std::string pids() const { return value("pids", "pids.max", "pids.max"); }
};

TEST_F(OciLimits, PausesAndResumes) {
    start_sleeping("one");
    must({"pause", "one"});
    EXPECT_EQ(status("one"), "paused");
    EXPECT_EQ(refusal({"pause", "one"}), "container not running");
    EXPECT_EQ(refusal({"delete", "one"}), "cannot delete container one that is not stopped: paused");
    must({"resume", "one"});
    EXPECT_EQ(status("one"), "running");
    EXPECT_EQ(refusal({"resume", "one"}), "container not paused");
    must({"pause", "one"});
    must({"kill", "one", "KILL"});
    EXPECT_TRUE(becomes("one", "stopped"));
}

TEST_F(OciLimits, DeletesWhatIsPaused) {
    start_sleeping("one");
    must({"pause", "one"});
    must({"delete", "--force", "one"});
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciLimits, UpdateWritesAndRemembers) {
    start_sleeping("one",
                   R"({"linux": {"resources": {"memory": {"limit": 33554432}, "pids": {"limit": 20}}}})");
    EXPECT_EQ(memory(), "33554432");
    must({"update", "--memory", "64m", "--pids-limit", "10", "one"});
    EXPECT_EQ(memory(), "67108864");
    EXPECT_EQ(pids(), "10");
    OciCall document{{"update", "--resources", "-", "one"}};
    document.input = R"({"memory": {"limit": 0}, "pids": {"limit": 11}})";
    EXPECT_EQ(call(document).code, 0);
    EXPECT_EQ(memory(), "67108864");  // 0 is "as it is"
    EXPECT_EQ(pids(), "11");
    must({"update", "--pids-limit", "-1", "one"});
    EXPECT_EQ(pids(), "max");
    const json config = json::parse(read_file(root() + "/one/config.json"));
    EXPECT_EQ(config.at("linux").at("resources").at("memory").at("limit"), 67108864);
    EXPECT_EQ(config.at("linux").at("resources").at("pids").at("limit"), -1);
}

TEST_F(OciLimits, NoLimitIsDroppedWhereThereIsNoCgroup) {
    const auto create = [&](const std::string& linux) {
        return std::vector<std::string>{"--cgroup-manager",      "disabled", "run", "--bundle",
                                        bundle({"true"}, linux), "one"};
    };
    EXPECT_EQ(
        refusal(create(R"({"linux": {"resources": {"pids": {"limit": 5}, "memory": {"limit": 4096}}}})")),
        "linux.resources.memory, linux.resources.pids can't be enforced: cgroups are disabled");
    EXPECT_TRUE(gone("one"));
    const OciResult result = call(create(
        R"({"linux": {"resources": {"pids": {"limit": -1}, "memory": {"limit": 0}, "devices": [{"allow": false}]}}})"));
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("linux.resources.devices is not enforced: cgroups are disabled"));
}

TEST_F(OciLimits, NoLimitIsDroppedWhereThereIsNoCgroupFileSystem) {
    SpawnOptions options;
    options.argv = {"/usr/bin/unshare",
                    "--mount",
                    "sh",
                    "-c",
                    R"(umount -a -l -t cgroup,cgroup2 && exec "$@")",
                    "sh",
                    program(),
                    "--root",
                    root(),
                    "run",
                    "--bundle",
                    bundle({"true"}, R"({"linux": {"resources": {"cpu": {"shares": 5}}}})"),
                    "one"};
    options.fds = {-1, -1, -1};
    const CommandResult result = run_command(options);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err,
                HasSubstr("linux.resources.cpu can't be enforced: this host has no cgroup file system"));
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciLimits, ALimitOfMemorySaysNothingOfSwap) {
    start_sleeping("one", R"({"linux": {"resources": {"memory": {"limit": 33554432}}}})");
    must({"update", "--memory", "64m", "one"});
    const json usage = json::parse(must({"events", "--stats", "one"})).at("data").at("memory");
    EXPECT_EQ(usage.at("usage").at("limit"), 67108864);
    EXPECT_GT(usage.at("swap").at("limit"), std::uint64_t{1} << 60);
}

TEST_F(OciLimits, AFailedUpdateChangesNothing) {
    start_sleeping("one", R"({"linux": {"resources": {"pids": {"limit": 20}}}})");
    EXPECT_NE(call({"update", "--pids-limit", "30", "--cpuset-cpus", "4095", "one"}).code, 0);
    EXPECT_EQ(pids(), "20");
    EXPECT_THAT(refusal({"update", "--memory", "much", "one"}),
                HasSubstr("invalid value \"much\" for flag --memory"));
    EXPECT_THAT(refusal({"update", "--cpu-rt-period", "1", "one"}),
                HasSubstr("--cpu-rt-period is not supported"));
    EXPECT_EQ(json::parse(read_file(root() + "/one/config.json"))
                  .at("linux")
                  .at("resources")
                  .at("pids")
                  .at("limit"),
              20);
}

TEST_F(OciLimits, AnUpdateThatCannotBeRememberedChangesNothing) {
    start_sleeping("one", R"({"linux": {"resources": {"pids": {"limit": 20}}}})");
    // Nothing can be renamed over a mount point.
    SpawnOptions options;
    options.argv = {"/usr/bin/unshare",
                    "--mount",
                    "sh",
                    "-c",
                    R"(mount --bind "$1" "$1" && shift && exec "$@")",
                    "sh",
                    root() + "/one/config.json",
                    program(),
                    "--root",
                    root(),
                    "update",
                    "--pids-limit",
                    "30",
                    "one"};
    const CommandResult result = run_command(options);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("Device or resource busy"));
    EXPECT_EQ(pids(), "20");
}

TEST_F(OciLimits, UpdateTakesADocumentOrFlags) {
    start_sleeping("one", R"({"linux": {"resources": {"pids": {"limit": 20}}}})");
    OciCall both{{"update", "--resources", "-", "--pids-limit", "10", "one"}};
    both.input = R"({"pids": {"limit": 11}})";
    const OciResult result = call(both);
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.err, HasSubstr("--pids-limit can't be used with --resources"));
    EXPECT_EQ(pids(), "20");
}

TEST_F(OciLimits, UpdatesWhatRulesTheCpu) {
    start_sleeping("one");
    must({"update", "--cpu-period", "50000", "--cpu-quota", "40000", "--cpu-burst", "10000", "--cpuset-mems",
          "0", "one"});
    EXPECT_EQ(value("cpuset", "cpuset.mems", "cpuset.mems"), "0");
    if (detect_cgroups().v1_mounts.contains("cpu")) {
        EXPECT_EQ(value("cpu", "cpu.cfs_period_us", ""), "50000");
        EXPECT_EQ(value("cpu", "cpu.cfs_quota_us", ""), "40000");
        EXPECT_EQ(value("cpu", "cpu.cfs_burst_us", ""), "10000");
    } else {
        EXPECT_EQ(value("cpu", "", "cpu.max"), "40000 50000");
        EXPECT_EQ(value("cpu", "", "cpu.max.burst"), "10000");
    }
    must({"update", "--cpu-idle", "1", "one"});
    EXPECT_EQ(value("cpu", "cpu.idle", "cpu.idle"), "1");
}

// Nothing is limited here: statistics are there for whoever asks.
TEST_F(OciLimits, TellsWhatIsUsed) {
    start_sleeping("one");
    const json event = json::parse(must({"events", "--stats", "one"}));
    EXPECT_EQ(event.at("type"), "stats");
    EXPECT_EQ(event.at("id"), "one");
    EXPECT_EQ(event.at("data").at("pids").at("current"), 1);
    EXPECT_TRUE(event.at("data").at("memory").at("usage").at("usage").is_number());
}

TEST_F(OciLimits, TellsEventsUntilTheEnd) {
    start_sleeping("one");
    OciCommand events = begin({{"events", "--interval", "5ms", "one"}});
    EXPECT_TRUE(eventually([&] { return split(events.out(), '\n').size() > 3; })) << events.err();
    must({"kill", "one", "KILL"});
    const OciResult result = events.wait();
    EXPECT_EQ(result.code, 0);
    for (const std::string& line : split(result.out, '\n'))
        if (!line.empty()) {
            EXPECT_EQ(json::parse(line)["type"], "stats");
        }
    EXPECT_THAT(refusal({"events", "--stats", "one"}), HasSubstr("container not running"));
}

TEST_F(OciLimits, TellsOfMemoryThatRanOut) {
    start_sleeping("one", R"({"linux": {"resources": {"memory": {"limit": 16777216, "swap": 16777216}}}})");
    OciCommand events = begin({{"events", "--interval", "1h", "one"}});
    // Until it watches, there is nothing to see from outside; so more than once.
    EXPECT_TRUE(eventually([&] {
        static_cast<void>(call({"exec", "one", "stack-payload", "memory", "64"}));
        return events.out().find(R"("type":"oom")") != std::string::npos;
    })) << events.err();
    must({"kill", "one", "KILL"});
    events.wait();
}

}  // namespace
}  // namespace stack::test
