// Control groups and kernel settings: a container sees its own part and changes its own part, if that.
#include "runtime/base/path_at.hpp"
#include "runtime/cgroup.hpp"
#include "tests/kernel/escape_fixture.hpp"

#include <algorithm>
#include <filesystem>
#include <regex>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class EscapeCgroup : public EscapeTest {
  protected:
    void SetUp() override {
        EscapeTest::SetUp();
        if (IsSkipped()) return;
        layout_ = detect_cgroups();
        if (layout_.mode == CgroupLayout::Mode::none) GTEST_SKIP() << "no cgroups on this host";
        parent_ = "/" + fs::path{dir().path()}.filename().string();
        own_.emplace(Cgroup::create(layout_, parent_ + "/box", {}));
        neighbour_.emplace(Cgroup::create(layout_, parent_ + "/neighbour", {}));
    }
    void TearDown() override {
        own_.reset();
        neighbour_.reset();
        for (const char* name : {"/box", "/neighbour", ""})
            if (!parent_.empty()) remove_cgroup(layout_, parent_ + name);
        EscapeTest::TearDown();
    }
    ContainerRun run_in_group(std::vector<std::string> args, bool own_namespace, const char* access = "ro") {
        ContainerSpec wanted = spec(std::move(args));
        for (MountSpec& mount : wanted.mounts)
            if (mount.type == "cgroup")
                std::replace(mount.options.begin(), mount.options.end(), std::string{"ro"},
                             std::string{access});
        wanted.cgroups_path = parent_ + "/box";
        if (!own_namespace)
            std::erase_if(wanted.namespaces,
                          [](const NamespaceSpec& entry) { return entry.kind == NamespaceKind::cgroup; });
        LaunchOptions options;
        options.cgroup.clone_into = own_->clone_into_fd();
        options.cgroup.task_files = own_->task_fds();
        return run(wanted, {}, options);
    }
    [[nodiscard]] const std::string& parent() const { return parent_; }

  private:
    CgroupLayout layout_;
    std::string parent_;
    std::optional<Cgroup> own_, neighbour_;
};

// Without a namespace the view is the host's, where the groups of other tests come and go under find.
std::string without_vanished(const std::string& said) {
    static const std::regex kVanished{"find: /sys/fs/cgroup/[^\n]*: No such file or directory\n"};
    return std::regex_replace(said, kVanished, "");
}

// CVE-2022-0492, and CVE-2023-25809 for the form without a namespace.
TEST_F(EscapeCgroup, NothingInTheViewCanBeWrittenOrMade) {
    const char* script =
        "find /sys/fs/cgroup -name release_agent -o -name notify_on_release -o -name cgroup.procs -o -name "
        "tasks "
        "-o -name 'memory.*' | while read f; do if (echo 0 >> $f) 2>/dev/null; then echo wrote $f; fi; done; "
        "for d in $(find /sys/fs/cgroup -type d); do if mkdir $d/x 2>/dev/null; then echo made $d/x; fi; "
        "done; "
        "mount -t cgroup -o memory none /tmp 2>/dev/null && echo mounted; "
        "mount -t cgroup2 none /tmp 2>/dev/null && echo mounted; "
        "unshare -C true 2>/dev/null && echo unshared; true";
    for (const bool own_namespace : {true, false})
        EXPECT_EQ(without_vanished(run_in_group({"sh", "-c", script}, own_namespace).out), "")
            << own_namespace;
    // Not even by a mount that may be written, where it would be the whole host's.
    EXPECT_EQ(without_vanished(run_in_group({"sh", "-c", script}, false, "rw").out), "");
}

TEST_F(EscapeCgroup, NeighboursAreNotInTheView) {
    const ContainerRun result =
        run_in_group({"sh", "-c", "find /sys/fs/cgroup; cat /proc/self/cgroup /proc/1/cgroup"}, true);
    EXPECT_THAT(result.out, HasSubstr("/sys/fs/cgroup"));
    EXPECT_THAT(result.out, Not(HasSubstr("neighbour")));
    EXPECT_THAT(result.out, Not(HasSubstr(parent().substr(1))));
}

TEST_F(EscapeCgroup, ReleaseAgentIsNotThere) {
    EXPECT_EQ(run_in_group({"find", "/sys/fs/cgroup", "-name", "release_agent"}, true).out, "");
}

using EscapeSysctl = EscapeTest;

// CVE-2022-0811: what is not the container's own, however it is written.
TEST_F(EscapeSysctl, SettingsOfTheHostAreRefusedHoweverTheyAreWritten) {
    const auto host = [] {
        return read_file("/proc/sys/kernel/core_pattern") + read_file("/proc/sys/vm/swappiness") +
               read_file("/proc/sys/kernel/panic") + read_file("/proc/sys/net/ipv4/ip_forward");
    };
    const std::string before = host();
    for (const char* key : {"kernel.core_pattern",
                            "kernel/core_pattern",
                            "vm.swappiness",
                            "kernel.panic",
                            "fs.file-max",
                            "kernel.shm_rmid_forced+kernel.core_pattern",
                            "net.ipv4.ip_forward+kernel.core_pattern",
                            "net/../kernel/core_pattern",
                            "net.ipv4/../../kernel.core_pattern",
                            "net/ipv4/../../kernel/core_pattern",
                            "net..kernel.core_pattern",
                            "net./kernel.core_pattern",
                            "net/./ipv4/ip_forward",
                            "net",
                            "net/",
                            "/proc/sys/kernel/core_pattern",
                            "../sys/kernel/core_pattern",
                            "net.ipv4.ip_forward\nkernel.panic",
                            "kernel.shmmni ",
                            "",
                            ".",
                            "/",
                            "kernel.hostname",
                            "kernel.modprobe",
                            "dev.cdrom.info",
                            "user.max_user_namespaces",
                            "kernel.yama.ptrace_scope"}) {
        ContainerSpec wanted = spec({"true"});
        wanted.sysctl = {{key, "1"}};
        EXPECT_THAT(run(wanted).error, HasSubstr("sysctl")) << key;
    }
    EXPECT_EQ(host(), before);
}

TEST_F(EscapeSysctl, ValuesNameNoSecondSetting) {
    const std::string pattern = read_file("/proc/sys/kernel/core_pattern");
    for (const char* value : {"1\nkernel.core_pattern=|/x", "1\r", "\x01", "1\x7f\n"}) {
        ContainerSpec wanted = spec({"true"});
        wanted.sysctl = {{"kernel.shmmni", value}};
        EXPECT_THAT(run(wanted).error, HasSubstr("control character")) << value;
    }
    ContainerSpec joined = spec({"cat", "/proc/sys/kernel/shmmni"});
    joined.sysctl = {{"kernel.shmmni", "77+kernel.core_pattern=|/x"}};
    run(joined);  // one value of one file, whatever the kernel makes of it
    EXPECT_EQ(read_file("/proc/sys/kernel/core_pattern"), pattern);
}

TEST_F(EscapeSysctl, SettingsOfANamespaceThatIsTheHostsAreRefused) {
    const auto without = [&](NamespaceKind kind, const char* key) {
        ContainerSpec wanted = spec({"true"});
        wanted.hostname.clear();
        std::erase_if(wanted.namespaces, [&](const NamespaceSpec& entry) { return entry.kind == kind; });
        wanted.sysctl = {{key, "1"}};
        return run(wanted).error;
    };
    EXPECT_THAT(without(NamespaceKind::network, "net.ipv4.ip_forward"),
                HasSubstr("host's network namespace"));
    EXPECT_THAT(without(NamespaceKind::ipc, "kernel.shmmni"), HasSubstr("host's ipc namespace"));
    EXPECT_THAT(without(NamespaceKind::uts, "kernel.domainname"), HasSubstr("host's uts namespace"));
}

}  // namespace
}  // namespace stack::test
