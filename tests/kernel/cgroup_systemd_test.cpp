// Scopes where systemd is PID 1: on most test hosts, in the emulated machine only.
#include "runtime/cgroup_systemd.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/paths.hpp"

#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack {
namespace {

using test::eventually;

const systemd::Bus kSystem{test::program_path("stack-systemd"), false};
const systemd::Bus kUser{test::program_path("stack-systemd"), true};

class SystemdScopeTest : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        if (!path_exists("/run/systemd/system")) GTEST_SKIP() << "systemd does not run here";
        name = systemd::parse_scope_name("stacktest.slice:test:" + fmt::format("{}", ::getpid()), "", false);
    }
    void TearDown() override {
        if (name.unit.empty()) return;
        remove_scope(name.unit, kSystem);
        run_command(
            {.argv = {"/bin/systemctl", "stop", "stacktest.slice"}, .env = {}, .fds = {}, .working_dir = {}});
    }
    std::string show(const char* property) const {
        return std::string{
            trim(run_command({.argv = {"/bin/systemctl", "show", "--value", "-p", property, name.unit},
                              .env = {},
                              .fds = {},
                              .working_dir = {}})
                     .out)};
    }
    SystemdScope start(const ResourceSpec& limits) const {
        return SystemdScope::start(name, "a test", scope_properties(limits, {}), kSystem);
    }
    systemd::ScopeName name;
    CgroupLayout layout = detect_cgroups();
};

TEST_F(SystemdScopeTest, HoldsAContainerUnderLimitsOfBoth) {
    ResourceSpec limits;
    limits.memory_limit_bytes = 64 << 20;
    limits.pids_limit = 20;
    limits.cpu_quota_us = 50000;
    SystemdScope scope = start(limits);
    EXPECT_NE(scope.cgroup_path().find("/stacktest.slice/" + name.unit), std::string::npos)
        << scope.cgroup_path();
    Cgroup group = Cgroup::create(layout, scope.cgroup_path(), limits);
    const ProcessHandle process =
        spawn({.argv = {"/bin/sleep", "1000"}, .env = {}, .fds = {}, .working_dir = {}});
    group.add_process(process.pid());
    scope.release();
    EXPECT_EQ(group.processes(), std::vector<pid_t>{process.pid()});
    EXPECT_EQ(show("MemoryMax"), "67108864");
    EXPECT_EQ(show("Delegate"), "yes");
    EXPECT_EQ(show("DevicePolicy"), "strict");

    limits.memory_limit_bytes = 32 << 20;
    limits.pids_limit = -1;
    set_scope_properties(name.unit, changed_scope_properties(limits), kSystem);
    group.apply(limits);
    EXPECT_EQ(show("MemoryMax"), "33554432");
    EXPECT_EQ(group.stats().memory->memory.limit, 32u << 20);
    EXPECT_EQ(group.stats().pids->limit, std::nullopt);
    // systemd writes its values again, and these are the same.
    run_command({.argv = {"/bin/systemctl", "daemon-reload"}, .env = {}, .fds = {}, .working_dir = {}});
    EXPECT_EQ(group.stats().memory->memory.limit, 32u << 20);

    const std::string path = group.path();
    group.kill_all();
    EXPECT_EQ(exit_code_of_status(wait_for_exit(process)), 137);
    remove_scope(name.unit, kSystem);
    remove_scope(name.unit, kSystem);  // again: nothing to do
    remove_cgroup(layout, path);
    EXPECT_FALSE(Cgroup::open(layout, path).has_value());
}

TEST_F(SystemdScopeTest, OfAProcessThatNeverCameGoesAway) {
    std::string path;
    {
        const SystemdScope scope = start({});
        path = scope.cgroup_path();
        EXPECT_EQ(show("ActiveState"), "active");
    }
    EXPECT_TRUE(eventually([&] { return show("ActiveState") == "inactive"; }));
    EXPECT_TRUE(eventually([&] { return !Cgroup::open(layout, path).has_value(); }));
}

TEST_F(SystemdScopeTest, IsMadeOnce) {
    const SystemdScope scope = start({});
    try {
        start({});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::already_exists) << error.what();
    }
    EXPECT_EQ(show("ActiveState"), "active");
}

TEST_F(SystemdScopeTest, KeepsDevicesAwayThroughReloads) {
    ResourceSpec limits;
    SystemdScope scope = start(limits);
    const Cgroup group = Cgroup::create(layout, scope.cgroup_path(), limits);
    const auto opens_kmsg = [&] {
        const Pipe ready = make_pipe();
        const pid_t pid = ::fork();
        if (pid == 0) {
            char byte;
            if (::read(ready.read.get(), &byte, 1) != 1) ::_exit(2);
            const bool null = ::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0;
            ::_exit(!null ? 3 : ::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0 ? 0 : 1);
        }
        group.add_process(pid);
        write_all(ready.write.get(), "x", "pipe");
        return exit_code_of_status(wait_for_exit(ProcessHandle::open(pid).value()));
    };
    EXPECT_EQ(opens_kmsg(), 1);
    run_command({.argv = {"/bin/systemctl", "daemon-reload"}, .env = {}, .fds = {}, .working_dir = {}});
    EXPECT_EQ(opens_kmsg(), 1);
}

// What `work` does as this user, started by the user's manager, with nothing but the directory that logins have: the text of its
// Error, or "".
std::string as_user(uid_t user, const std::function<void()>& work) {
    const std::string home =
        fmt::format("/sys/fs/cgroup/user.slice/user-{0}.slice/user@{0}.service/stack-test", user);
    make_directories(home);
    Pipe result = make_pipe();
    const pid_t child = ::fork();
    if (child == 0) {
        std::string text;
        try {
            const UniqueFd processes{::open((home + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC)};
            write_all(processes.get(), "0", home);
            if (::setgroups(0, nullptr) != 0 || ::setgid(user) != 0 || ::setuid(user) != 0)
                throw_errno("become the user");
            ::setenv("XDG_RUNTIME_DIR", fmt::format("/run/user/{}", user).c_str(), 1);
            ::unsetenv("DBUS_SESSION_BUS_ADDRESS");
            work();
        } catch (const std::exception& error) {
            text = error.what();
        }
        write_all(result.write.get(), text, "pipe");
        ::_exit(0);
    }
    result.write.reset();
    std::string text(4096, '\0');
    std::size_t size = 0;
    for (ssize_t got; (got = ::read(result.read.get(), text.data() + size, text.size() - size)) > 0;)
        size += static_cast<std::size_t>(got);
    text.resize(size);
    wait_for_exit(ProcessHandle::open(child).value());
    ::rmdir(home.c_str());
    return text;
}

TEST(SystemdScope, IsMadeByTheUsersOwnManagerForWhoIsNotRoot) {
    constexpr uid_t kUserId = 1000;
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become a user";
    if (!path_exists(fmt::format("/run/user/{}/bus", kUserId)))
        GTEST_SKIP() << "no manager of a user runs here";
    const auto expect = [](bool good, const std::string& what) {
        if (!good) throw Error{ErrorKind::failed, what};
    };
    EXPECT_EQ(as_user(kUserId,
                      [&] {
                          const CgroupLayout layout = detect_cgroups();
                          const systemd::ScopeName name =
                              systemd::parse_scope_name("", fmt::format("{}", ::getpid()), true);
                          ResourceSpec limits;
                          limits.pids_limit = 20;
                          SystemdScope scope =
                              SystemdScope::start(name, "a test", scope_properties(limits, {}), kUser);
                          const std::string path = scope.cgroup_path();
                          expect(path.starts_with("/user.slice/user-1000.slice/user@1000.service/"),
                                 "it is in " + path);
                          Cgroup group = Cgroup::create(layout, path, limits);
                          expect(group.stats().pids->limit == 20u, "there is no limit");
                          limits.pids_limit = 30;
                          set_scope_properties(name.unit, changed_scope_properties(limits), kUser);
                          group.apply(limits);
                          expect(group.stats().pids->limit == 30u, "the limit has not changed");
                          const ProcessHandle process = spawn(
                              {.argv = {"/bin/sleep", "1000"}, .env = {}, .fds = {}, .working_dir = {}});
                          group.add_process(process.pid());
                          scope.release();
                          group.kill_all();
                          wait_for_exit(process);
                          remove_scope(name.unit, kUser);
                          expect(eventually([&] { return !Cgroup::open(layout, path).has_value(); }),
                                 "something is left");
                      }),
              "");
}

TEST(SystemdScope, WithoutSystemdIsAnErrorWithAWayOut) {
    if (path_exists("/run/dbus/system_bus_socket")) GTEST_SKIP() << "there is a system bus here";
    try {
        SystemdScope::start({"system.slice", "stack-test.scope"}, "a test", {}, kSystem);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::not_supported) << error.what();
        EXPECT_NE(error.hint().find("--systemd-cgroup"), std::string::npos) << error.hint();
    }
}

}  // namespace
}  // namespace stack
