// AppArmor profiles and SELinux labels, on hosts with and without them.
#include "runtime/security_labels.hpp"
#include "tests/kernel/runtime_fixture.hpp"

#include <gmock/gmock.h>

namespace stack {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::StartsWith;

class RuntimeLabels : public RuntimeTest {};

TEST_F(RuntimeLabels, AnAppArmorProfileIsTakenAtExec) {
    if (!host_has_apparmor()) GTEST_SKIP() << "this host has no AppArmor";
    ContainerSpec wanted = spec({"cat", "/proc/self/attr/apparmor/current"});
    wanted.process.apparmor_profile = "unconfined";
    const ContainerRun result = run(wanted);
    EXPECT_THAT(result.out, StartsWith("unconfined")) << result.error;
    wanted.process.apparmor_profile = "no-such-profile";
    EXPECT_THAT(run(wanted).error,
                HasSubstr("taking the AppArmor profile \"no-such-profile\": no such profile"));
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    EXPECT_THAT(exec(container.handle(), wanted.process).error, HasSubstr("no such profile"));
}

TEST_F(RuntimeLabels, AProfileWithoutAppArmorIsRefused) {
    if (host_has_apparmor()) GTEST_SKIP() << "this host has AppArmor";
    ContainerSpec wanted = spec({"true"});
    wanted.process.apparmor_profile = "docker-default";
    EXPECT_THAT(run(wanted).error, HasSubstr("\"docker-default\" can't be used: this host has no AppArmor"));
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    EXPECT_THAT(exec(container.handle(), wanted.process).error, HasSubstr("this host has no AppArmor"));
}

TEST_F(RuntimeLabels, LabelsWithoutSELinuxAreRefused) {
    if (host_has_selinux()) GTEST_SKIP() << "this host has SELinux";
    ContainerSpec wanted = spec({"true"});
    wanted.process.selinux_label = "system_u:system_r:container_t:s0";
    EXPECT_THAT(run(wanted).error, HasSubstr("this host has no SELinux"));
    wanted.process.selinux_label.clear();
    wanted.mount_label = "system_u:object_r:container_file_t:s0";
    EXPECT_THAT(run(wanted).error,
                HasSubstr("container_file_t:s0\" can't be used: this host has no SELinux"));
}

}  // namespace
}  // namespace stack
