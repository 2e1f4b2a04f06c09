// `update`: limits from flags, and how they are laid over those in force.
#include "runtime/base/error.hpp"
#include "runtime/oci/command_table.hpp"
#include "runtime/oci/resource_update.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace stack::oci {
namespace {

ResourceSpec change_of(const std::vector<std::string>& words) {
    return resources_from_flags(parse_flags(find_command("update")->flags, words));
}

TEST(OciUpdate, ReadsSizesAndNumbers) {
    const ResourceSpec change = change_of({"--memory", "64m", "--memory-swap=-1", "--memory-reservation",
                                           "1000", "--pids-limit", "-1", "--cpu-quota=-1", "--cpu-share",
                                           "512", "--cpuset-cpus", "0-1", "--blkio-weight", "100"});
    ResourceSpec expected;
    expected.memory_limit_bytes = 64 << 20;
    expected.memory_swap_bytes = -1;
    expected.memory_reservation_bytes = 1000;
    expected.pids_limit = -1;
    expected.cpu_quota_us = -1;
    expected.cpu_shares = 512;
    expected.cpuset_cpus = "0-1";
    expected.block_io.weight = 100;
    EXPECT_EQ(change, expected);
}

TEST(OciUpdate, RefusesWhatIsNoLimit) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"--memory", "lots"},
                                                  {"--memory", "-2"},
                                                  {"--pids-limit", "-2"},
                                                  {"--cpu-share", "-1"},
                                                  {"--blkio-weight", "65636"},
                                                  {"--l3-cache-schema", "x"},
                                                  {"--cpu-rt-runtime", "1"}})
        EXPECT_THROW(change_of(words), Error) << words[0] << " " << words[1];
}

TEST(OciUpdate, ZeroInADocumentLeavesThingsAsTheyAre) {
    ResourceSpec change;
    change.memory_limit_bytes = 0;
    change.cpu_shares = 0;
    change.pids_limit = 0;
    change.cpu_idle = 0;  // a value like another
    drop_unchanged(change);
    ResourceSpec expected;
    expected.cpu_idle = 0;
    EXPECT_EQ(change, expected);
}

TEST(OciUpdate, WritesTogetherWhatBoundsEachOther) {
    ResourceSpec before;
    before.memory_limit_bytes = 100;
    before.memory_swap_bytes = 200;
    before.cpu_period_us = 1000;
    before.pids_limit = 5;
    ResourceSpec change;
    change.memory_limit_bytes = 150;
    change.cpu_quota_us = 10;
    const ResourceUpdate update = merge_resources(before, change);
    EXPECT_EQ(update.write.memory_swap_bytes, 200);
    EXPECT_EQ(update.write.cpu_period_us, 1000u);
    EXPECT_FALSE(update.write.pids_limit.has_value());
    EXPECT_EQ(update.all.memory_limit_bytes, 150);
    EXPECT_EQ(update.all.pids_limit, 5);
    EXPECT_EQ(update.all.cpu_quota_us, 10);
}

}  // namespace
}  // namespace stack::oci
