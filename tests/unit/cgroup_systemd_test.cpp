// Names, limits and annotations as systemd is told them: the pure half of scopes.
#include "runtime/base/error.hpp"
#include "runtime/cgroup_plan.hpp"
#include "runtime/systemd/resource_properties.hpp"
#include "runtime/systemd/unit_name.hpp"

#include <gtest/gtest.h>

namespace stack::systemd {
namespace {

using Lines = std::vector<std::string>;
using Mode = CgroupLayout::Mode;

Lines texts(const std::vector<Property>& properties) {
    Lines lines;
    for (const Property& property : properties)
        lines.push_back(std::string{signature_of(property.value)} + ' ' + property.text());
    return lines;
}

TEST(SystemdScopeName, IsReadFromThreeParts) {
    EXPECT_EQ(parse_scope_name("machine.slice:libpod:0123", "x", false),
              (ScopeName{"machine.slice", "libpod-0123.scope"}));
    EXPECT_EQ(parse_scope_name("a-b.slice::c.scope", "x", false), (ScopeName{"a-b.slice", "c.scope"}));
    EXPECT_EQ(parse_scope_name(":docker:0123", "x", false), (ScopeName{"system.slice", "docker-0123.scope"}));
    EXPECT_EQ(parse_scope_name(":docker:0123", "x", true), (ScopeName{"user.slice", "docker-0123.scope"}));
    EXPECT_EQ(parse_scope_name("", "c1", false), (ScopeName{"system.slice", "stack-runtime-c1.scope"}));
}

TEST(SystemdScopeName, RefusesOtherForms) {
    for (const std::string& bad :
         {std::string{"/a/b"}, std::string{"a:b"}, std::string{"a.slice:b:"}, std::string{"a.slice:b:c:d"},
          std::string{"a:b:c"}, std::string{"a.slice:b:c/d"}, std::string{"../a.slice:b:c"},
          std::string{"a.slice:b:c d"}, std::string{".slice:b:c"}, std::string{"a.slice:b:c.slice"},
          "a.slice:b:" + std::string(300, 'c')})
        EXPECT_THROW(parse_scope_name(bad, "x", false), Error) << bad;
}

ResourceSpec many_limits() {
    ResourceSpec limits;
    limits.memory_limit_bytes = 100;
    limits.memory_swap_bytes = 130;
    limits.memory_reservation_bytes = 50;
    limits.cpu_shares = 1024;
    limits.cpu_quota_us = 33333;
    limits.cpu_period_us = 100000;
    limits.cpuset_cpus = "0-2,8";
    limits.pids_limit = 20;
    limits.block_io.weight = 1000;
    return limits;
}

TEST(SystemdProperties, TellLimitsInTheWordsOfEachVersion) {
    EXPECT_EQ(texts(resource_properties(many_limits(), Mode::v2)),
              (Lines{"t MemoryMax = 100", "t MemorySwapMax = 30", "t MemoryLow = 50", "t CPUWeight = 100",
                     "t CPUQuotaPeriodUSec = 100000", "t CPUQuotaPerSecUSec = 340000",
                     "ay AllowedCPUs = 07 01", "t TasksMax = 20", "t IOWeight = 10000"}));
    EXPECT_EQ(texts(resource_properties(many_limits(), Mode::hybrid)),
              (Lines{"t MemoryLimit = 100", "t CPUShares = 1024", "t CPUQuotaPeriodUSec = 100000",
                     "t CPUQuotaPerSecUSec = 340000", "t TasksMax = 20", "t BlockIOWeight = 1000"}));
}

TEST(SystemdProperties, TellTheEndOfLimits) {
    ResourceSpec limits;
    limits.memory_limit_bytes = -1;
    limits.cpu_quota_us = -1;
    limits.pids_limit = -1;
    EXPECT_EQ(texts(resource_properties(limits, Mode::v2)),
              (Lines{"t MemoryMax = infinity", "t MemorySwapMax = infinity",
                     "t CPUQuotaPerSecUSec = infinity", "t TasksMax = infinity"}));
    EXPECT_TRUE(resource_properties({}, Mode::v2).empty());
}

TEST(SystemdProperties, TakeWhatTheyKnowOfUnified) {
    ResourceSpec limits;
    limits.unified = {
        {"memory.high", "1000"}, {"pids.max", "max"}, {"io.max", "8:0 rbps=5"}, {"cpu.max", "1 2"}};
    EXPECT_EQ(texts(resource_properties(limits, Mode::v2)),
              (Lines{"t MemoryHigh = 1000", "t TasksMax = infinity"}));
}

TEST(SystemdProperties, AllowDevicesByNumberDriverAndKind) {
    const DriverNames drivers =
        parse_driver_names("Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  8 sd\n");
    EXPECT_EQ(drivers.size(), 3u);
    ResourceSpec limits;
    limits.devices = {{true, 'b', 8, {}, "r"}};
    EXPECT_EQ(
        texts(device_properties(effective_device_rules(limits), drivers)),
        (Lines{"s DevicePolicy = strict", "a(ss) DeviceAllow = ",
               "a(ss) DeviceAllow = block-sd=r char-*=m block-*=m /dev/char/1:3=rwm /dev/char/1:5=rwm "
               "/dev/char/1:7=rwm /dev/char/1:8=rwm /dev/char/1:9=rwm /dev/char/5:0=rwm /dev/char/5:1=rwm "
               "/dev/char/5:2=rwm char-pts=rwm"}));
}

TEST(SystemdProperties, LeaveDevicesThatTheyCannotTellToOurOwnFilter) {
    const Lines open{"s DevicePolicy = auto", "a(ss) DeviceAllow = "};
    EXPECT_EQ(texts(device_properties({{true, 'a', {}, {}, "rwm"}}, {})), open);
    EXPECT_EQ(texts(device_properties({{true, 'c', 10, {}, "rwm"}, {false, 'c', 10, 200, "rwm"}}, {})), open);
    EXPECT_EQ(texts(device_properties({{true, 'c', 4242, {}, "rwm"}}, {})), open);  // no such driver
}

TEST(SystemdAnnotations, PassWhatIsHarmless) {
    EXPECT_EQ(texts(annotation_properties({{"org.systemd.property.After", "['a.service', 'b.socket']"},
                                           {"org.systemd.property.CollectMode", "'inactive'"},
                                           {"org.systemd.property.DefaultDependencies", "true"},
                                           {"org.systemd.property.MemoryHigh", "uint64 1000"},
                                           {"org.systemd.property.TimeoutStopSec", "5"},
                                           {"some.other", "x"}})),
              (Lines{"as After = a.service b.socket", "s CollectMode = inactive",
                     "b DefaultDependencies = true", "t MemoryHigh = 1000", "t TimeoutStopUSec = 5000000"}));
}

TEST(SystemdAnnotations, RefuseWhatRunsProgramsOrTakesLimitsAway) {
    for (const char* name :
         {"ExecStopPost", "DevicePolicy", "Slice", "PIDs", "Delegate", "MemoryMax", "", "After "}) {
        try {
            annotation_properties({{std::string{"org.systemd.property."} + name, "'x'"}});
            ADD_FAILURE() << name;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::not_supported) << name;
        }
    }
}

TEST(SystemdAnnotations, RefuseValuesOfAnotherType) {
    const std::pair<const char*, const char*> cases[] = {{"After", "a.service"},
                                                         {"After", "[]"},
                                                         {"After", "['a b']"},
                                                         {"After", "['../x']"},
                                                         {"CollectMode", "inactive"},
                                                         {"CollectMode", "'a\nb'"},
                                                         {"CollectMode", "'a'b'"},
                                                         {"MemoryHigh", "-1"},
                                                         {"MemoryHigh", "1 2"},
                                                         {"DefaultDependencies", "1"},
                                                         {"TimeoutStopSec", "99999999999999999"}};
    for (const auto& [name, value] : cases)
        EXPECT_THROW(annotation_properties({{std::string{"org.systemd.property."} + name, value}}), Error)
            << name << ' ' << value;
}

}  // namespace
}  // namespace stack::systemd
