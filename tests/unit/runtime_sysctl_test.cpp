// Which sysctls a container may set.
#include "runtime/base/error.hpp"
#include "runtime/sysctl.hpp"

#include <gtest/gtest.h>

namespace stack {
namespace {

std::string path_of(const std::string& key, const std::string& value = "1") {
    return checked_sysctl_path(key, value, true, true, true);
}
bool refused(const std::string& key, const std::string& value = "1", bool network = true, bool ipc = true) {
    try {
        checked_sysctl_path(key, value, network, ipc, true);
        return false;
    } catch (const Error& error) {
        return error.kind() == ErrorKind::invalid_input;
    }
}

TEST(Sysctl, TakesBothNotations) {
    EXPECT_EQ(path_of("net.ipv4.ip_unprivileged_port_start"), "sys/net/ipv4/ip_unprivileged_port_start");
    EXPECT_EQ(path_of("net/ipv4/conf/eth0.1/forwarding"), "sys/net/ipv4/conf/eth0.1/forwarding");
    EXPECT_EQ(path_of("net.ipv4.conf.eth0/1.forwarding"), "sys/net/ipv4/conf/eth0.1/forwarding");
    EXPECT_EQ(path_of("kernel.shmmax"), "sys/kernel/shmmax");
    EXPECT_EQ(path_of("fs.mqueue.msg_max"), "sys/fs/mqueue/msg_max");
}

TEST(Sysctl, RefusesWhatIsTheHosts) {
    for (const char* key : {"kernel.core_pattern", "kernel.sysrq", "vm.overcommit_memory", "fs.file-max",
                            "kernel.hostname", "kernel.shm", "kernel.modprobe"})
        EXPECT_TRUE(refused(key)) << key;
    EXPECT_TRUE(refused("net.core.somaxconn", "1", false));
    EXPECT_TRUE(refused("kernel.sem", "1", true, false));
}

TEST(Sysctl, RefusesSmuggledPathsAndValues) {
    for (const char* key : {"net/../kernel/core_pattern", "net..ipv4", "net", "",
                            "net.ipv4+kernel.core_pattern", "net/./x", "net/ipv4/", "kernel.shmmax\n"})
        EXPECT_TRUE(refused(key)) << key;
    EXPECT_TRUE(refused("kernel.shmmax", "1\nkernel.core_pattern=x"));
    EXPECT_TRUE(refused("kernel.shmmax", std::string{"1\0x", 3}));
}

}  // namespace
}  // namespace stack
