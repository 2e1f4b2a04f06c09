// Names of network devices, and where a container's program waits for them.
#include "runtime/base/error.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/init_program.hpp"
#include "runtime/net_devices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(NetDevices, NamesAreTheKernels) {
    for (const char* name : {"eth0", "a", "fifteen-letters", "eth0.100", "..."})
        EXPECT_TRUE(is_net_device_name(name, false));
    for (const char* name : {"", ".", "..", "sixteen-letters-", "a/b", "a:1", "a b", "a\n", "eth%d", "%"})
        EXPECT_FALSE(is_net_device_name(name, false)) << name;
    for (const char* name : {"eth%d", "%d", "eth0"}) EXPECT_TRUE(is_net_device_name(name, true)) << name;
    for (const char* name : {"%d%d", "eth%s", "eth%", "e%%d"})
        EXPECT_FALSE(is_net_device_name(name, true)) << name;
}

TEST(NetDevices, PatternsTakeTheLowestFreeNumber) {
    EXPECT_EQ(expand_net_device_name("eth0", {"eth0"}), "eth0");
    EXPECT_EQ(expand_net_device_name("eth%d", {"lo"}), "eth0");
    EXPECT_EQ(expand_net_device_name("eth%d", {"eth0", "eth2"}), "eth1");
}

ContainerSpec with_devices() {
    ContainerSpec spec;
    spec.id = "one";
    spec.root.path = "/bundle/rootfs";
    spec.namespaces = default_namespaces();
    spec.process.args = {"true"};
    spec.net_devices = {{"ib0", "eth0"}};
    spec.sysctl = {{"net/ipv4/conf/eth0/forwarding", "1"}};
    return spec;
}

TEST(NetDevices, AreWaitedForBeforeSysctlsSpeakOfThem) {
    ContainerSpec spec = with_devices();
    const std::string text = program_text(build_init_program(spec, {}, {}));
    ASSERT_THAT(text, HasSubstr("wait for network devices"));
    EXPECT_LT(text.find("wait for network devices"), text.find("forwarding"));
    spec.net_devices.clear();
    EXPECT_THAT(program_text(build_init_program(spec, {}, {})), Not(HasSubstr("network devices")));
}

TEST(NetDevices, NeedANamespaceThatIsNotTheParents) {
    LaunchShape shape;
    shape.network = true;
    shape.host_namespaces = {NamespaceKind::network};
    ContainerSpec spec = with_devices();
    EXPECT_THROW(build_init_program(spec, {}, shape), Error);
    spec.sysctl.clear();
    EXPECT_THROW(build_init_program(spec, {}, shape), Error);
    spec.net_devices.clear();
    EXPECT_NO_THROW(build_init_program(spec, {}, shape));
}

}  // namespace
}  // namespace stack
