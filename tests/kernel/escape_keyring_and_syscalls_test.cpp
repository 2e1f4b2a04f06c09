// What has no namespace (keys), and the kernel's surface under the default filter, asked of the kernel itself.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/escape_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class EscapeKeyring : public EscapeTest {
  protected:
    // As seen by a process that may ask, which takes a filter out of the way.
    std::string session_keyring() {
        ContainerSpec wanted = spec({"stack-payload", "keyring"});
        wanted.seccomp.kind = SeccompSpec::Kind::unconfined;
        return run(wanted).out;
    }
};

TEST_F(EscapeKeyring, EachContainerHasAKeyringOfItsOwn) {
    const long own = ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3 /* session */, 0);
    if (own < 0 && errno == ENOSYS) GTEST_SKIP() << "this kernel has no keyrings";
    const std::string first = session_keyring(), second = session_keyring();
    EXPECT_THAT(first, testing::StartsWith("session "));
    EXPECT_NE(first, second);
    EXPECT_NE(first, fmt::format("session {}\n", own));
}

TEST_F(EscapeKeyring, ExecDoesNotBringTheCallersKeyring) {
    const long own = ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3 /* session */, 0);
    if (own < 0 && errno == ENOSYS) GTEST_SKIP() << "this kernel has no keyrings";
    ContainerSpec wanted = spec({"sleep", "1000"});
    const PendingProcess& container = start(wanted);
    Pipe output = make_pipe();
    LaunchFds fds;
    fds.out = output.write.get();
    ExecTarget target{&container.handle(), {}};
    target.seccomp.kind = SeccompSpec::Kind::unconfined;
    PendingProcess joining = begin_exec(target, process({"stack-payload", "keyring"}), fds, {}, facts());
    output.write.reset();
    joining.wait_until_started();
    const std::string seen = read_until_end(output.read.get());
    wait_for_exit(joining.handle());
    EXPECT_THAT(seen, testing::StartsWith("session "));
    EXPECT_NE(seen, fmt::format("session {}\n", own));
}

// By name, as the kernel answers in a container with the defaults.
TEST_F(EscapeKeyring, KernelSurfaceIsClosedByName) {
    const auto words = words_of(run(spec({"stack-payload", "attempt"})).out);
    for (const char* name : {"add_key",
                             "bpf",
                             "finit_module",
                             "fsopen",
                             "init_module",
                             "io_uring_enter",
                             "io_uring_register",
                             "io_uring_setup",
                             "kexec_load",
                             "keyctl",
                             "mount",
                             "move_mount",
                             "open_by_handle_at",
                             "open_tree",
                             "perf_event_open",
                             "pidfd_getfd",
                             "pivot_root",
                             "request_key",
                             "setns",
                             "tioclinux",
                             "tiocsti",
                             "umount",
                             "unshare_mount",
                             "unshare_user",
                             "userfaultfd"}) {
        ASSERT_TRUE(words.contains(name)) << name;
        EXPECT_EQ(words.at(name), "EPERM") << name;
    }
    EXPECT_EQ(words.at("clone3"), "ENOSYS");
    EXPECT_EQ(words.at("raw_socket"), "EPERM");     // CVE-2020-13401
    EXPECT_EQ(words.at("packet_socket"), "EPERM");  // CVE-2020-14386
}

// An exec is under the same filter as the first process.
TEST_F(EscapeKeyring, ExecIsUnderTheSameFilter) {
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    const std::string first = run(spec({"stack-payload", "attempt"})).out;
    EXPECT_NE(first, "");
    EXPECT_EQ(exec(container.handle(), process({"stack-payload", "attempt"})).out, first);
}

}  // namespace
}  // namespace stack::test
