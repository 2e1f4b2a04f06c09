// `netDevices`: devices of a network namespace of the test's own become a container's.
#include "runtime/base/child_process.hpp"
#include "runtime/base/network_namespace.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/private_namespaces.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class OciNetDevices : public OciTest {
  protected:
    void SetUp() override {
        STACK_REQUIRE_ROOT();
        OciTest::SetUp();
        host_ = std::make_unique<PrivateNamespaces>();
        // A pair whose one end stays here, so that what was moved can be seen to talk.
        ip("link add eth7 address 02:00:00:00:00:07 mtu 1400 type veth peer name far");
        ip("address add 192.0.2.7/24 dev eth7");
        ip("address add 192.0.2.8/32 dev eth7 valid_lft 1000 preferred_lft 1000");
        ip("address add 2001:db8::7/64 dev eth7 nodad");
        ip("address add 169.254.7.7/16 dev eth7 scope link");
        ip("link set eth7 up");
        ip("address add 192.0.2.1/24 dev far");
        ip("link set far up");
    }
    void TearDown() override {
        OciTest::TearDown();
        host_.reset();
    }
    static std::string ip(const std::string& words) {
        SpawnOptions shell;
        shell.argv = {"/bin/sh", "-c", "ip " + words + " 2>&1"};
        const CommandResult result = run_command(shell);
        EXPECT_EQ(result.exit_code, 0) << words << ": " << result.out;
        return result.out;
    }
    /// ip(8) in the network namespace of a container.
    std::string ip_inside(const std::string& id, const std::string& words) const {
        const std::string path = fmt::format("/proc/{}/ns/net", state(id)["pid"].dump());
        const UniqueFd netns{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        std::string out;
        in_network_namespace(netns.get(), [&] { out = ip(words); });
        return out;
    }
    /// With what `ip` says of eth7 here: all there is to preserve. Not what goes on meanwhile: the seconds that an address
    /// still has, the check for others that have it.
    static std::string eth7() {
        return ip("-o address show eth7 | sed 's/_lft [0-9]*sec/_lft limited/g;s/ tentative//'") +
               ip("-o link show eth7 | sed 's/qlen.*//;s/state [A-Z]*//'");
    }

    std::unique_ptr<PrivateNamespaces> host_;
};

int connect_error(const char* address) {
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(9);
    ::inet_pton(AF_INET, address, &peer.sin_addr);
    const UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0 ? 0 : errno;
}

constexpr const char* kRenamed = R"({"linux": {"netDevices": {"eth7": {"name": "eth0"}}}})";

TEST_F(OciNetDevices, MoveWithNameAddressesAndAttributes) {
    start_sleeping("one", kRenamed);
    EXPECT_THAT(ip("-o link"), Not(HasSubstr("eth7")));
    EXPECT_THAT(ip_inside("one", "-o link show eth0"),
                AllOf(HasSubstr("02:00:00:00:00:07"), HasSubstr("mtu 1400"), HasSubstr(",UP")));
    EXPECT_THAT(ip_inside("one", "-o address show eth0"),
                AllOf(HasSubstr("192.0.2.7/24 scope global"), HasSubstr("2001:db8::7/64 scope global"),
                      Not(HasSubstr("192.0.2.8")), Not(HasSubstr("169.254"))));
    EXPECT_EQ(connect_error("192.0.2.7"), ECONNREFUSED);  // an answer
}

TEST_F(OciNetDevices, AreThereForSysctlsAndHooks) {
    const std::string seen = dir().file("seen");
    start_sleeping("one", fmt::format(R"({{
        "linux": {{"netDevices": {{"eth7": {{"name": "eth0"}}}}, "sysctl": {{"net/ipv4/conf/eth0/forwarding": "1"}}}},
        "hooks": {{"createContainer": [{{"path": "/bin/sh", "args": ["sh", "-c", "cat /proc/net/dev > {}"]}}]}}}})",
                                      seen));
    EXPECT_THAT(read_file(seen), HasSubstr("eth0:"));
    EXPECT_THAT(must({"exec", "one", "cat", "/proc/sys/net/ipv4/conf/eth0/forwarding"}), "1\n");
}

TEST_F(OciNetDevices, GoIntoUserNamespacesAndNamespacesThatAreJoined) {
    start_sleeping("shifted", R"({"linux": {"netDevices": {"eth7": {}},
        "namespaces": [{"type": "user"}, {"type": "pid"}, {"type": "mount"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}],
        "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
        "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]}})");
    EXPECT_THAT(ip_inside("shifted", "-o address show eth7"), HasSubstr("192.0.2.7/24"));
    ip("link add dev1 type veth peer name dev2");
    const std::string joined = fmt::format(
        R"({{"linux": {{"netDevices": {{"dev1": {{"name": "eth%d"}}}}, "namespaces":
           [{{"type": "pid"}}, {{"type": "mount"}}, {{"type": "uts"}}, {{"type": "network", "path": "/proc/{}/ns/net"}}]}}}})",
        state("shifted")["pid"].dump());
    start_sleeping("two", joined);
    EXPECT_THAT(ip_inside("two", "-o link"), AllOf(HasSubstr(" eth0@"), HasSubstr(" eth7@")));
}

// Also those that came before the one that can't be moved.
TEST_F(OciNetDevices, AreGivenBackWhenTheContainerDoesNotComeToBe) {
    ip("link add dev1 type veth peer name dev2");
    const std::string before = eth7();
    const auto fails = [&](const std::string& patch, const std::vector<std::string>& args) {
        const std::string text = refusal({"create", "--bundle", bundle(args, patch), "one"});
        EXPECT_EQ(eth7(), before) << patch;
        return text;
    };
    EXPECT_THAT(fails(kRenamed, {"no-such-command"}), HasSubstr("no-such-command"));
    EXPECT_THAT(fails(R"({"linux": {"netDevices": {"eth7": {}, "eth8": {}}}})", {"true"}),
                HasSubstr("there is no network device \"eth8\" to move into the container"));
    EXPECT_THAT(
        fails(R"({"linux": {"netDevices": {"eth7": {}, "far": {"name": "lo"}}}})", {"true"}),
        HasSubstr(
            "network device \"far\" can't be \"lo\" in the container, which has a device of that name"));
    EXPECT_THAT(fails(R"({"linux": {"netDevices": {"eth7": {}, "lo": {"name": "lo1"}}}})", {"true"}),
                HasSubstr("move network device \"lo\" into the container"));
    EXPECT_THAT(fails(R"({"linux": {"netDevices": {"dev1": {}, "eth7": {}}},
        "hooks": {"createRuntime": [{"path": "/bin/false"}]}})",
                      {"true"}),
                HasSubstr("createRuntime"));
    EXPECT_THAT(ip("-o link"), HasSubstr(" dev1@"));
}

TEST_F(OciNetDevices, AreRefusedByName) {
    const auto refused = [&](const std::string& linux_part) {
        return refusal({"create", "--bundle", bundle({"true"}, R"({"linux": )" + linux_part + "}"), "one"});
    };
    EXPECT_THAT(
        refused(R"({"netDevices": {"eth7": {}}, "namespaces": [{"type": "mount"}]})"),
        HasSubstr(
            "network device \"eth7\" can't be moved: the container is in the host's network namespace"));
    EXPECT_THAT(refused(R"({"netDevices": {"eth7": {}},
                    "namespaces": [{"type": "mount"}, {"type": "network", "path": "/proc/self/ns/net"}]})"),
                HasSubstr("the container is in the host's network namespace"));
    EXPECT_THAT(refused(R"({"netDevices": {"a/b": {}}})"),
                HasSubstr("does not have the name of a network device"));
    EXPECT_THAT(
        refused(R"({"netDevices": {"eth7": {"name": "sixteen-letters-"}}})"),
        HasSubstr(
            "linux.netDevices.eth7.name is \"sixteen-letters-\", which is no name for a network device"));
    EXPECT_THAT(refused(R"({"netDevices": {"eth7": {"name": "x"}, "far": {"name": "x"}}})"),
                HasSubstr("two network devices are to be \"x\" in the container"));
    EXPECT_THAT(ip("-o link"), HasSubstr(" eth7@"));
}

}  // namespace
}  // namespace stack::test
