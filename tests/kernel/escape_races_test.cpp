// Traps that are sprung while the runtime works: a neighbour that shares a tree with the container swaps a part of a path
// for a link, over and over, by the exchange that no reader can see half of.
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/kernel/escape_fixture.hpp"
#include "tests/support/default_mounts.hpp"
#include "tests/support/eventually.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;

constexpr int kRounds = 40;

/// Exchanges two names until it goes away: at any instant each of them is one thing or the other.
class Swapper {
  public:
    Swapper(std::string a, std::string b)
        : thread_{[this, one = std::move(a), two = std::move(b)] {
              while (!stop_.load(std::memory_order_relaxed)) {
                  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, two.c_str(), RENAME_EXCHANGE) == 0)
                      ++swaps_;
              }
          }} {
        EXPECT_TRUE(eventually([&] { return swaps_.load() > 0; }));
    }
    Swapper(const Swapper&) = delete;
    Swapper& operator=(const Swapper&) = delete;
    ~Swapper() {
        stop_ = true;
        thread_.join();
    }

  private:
    std::atomic<bool> stop_{false};
    std::atomic<long> swaps_{0};
    std::thread thread_;
};

/// Does something at the instant when a file is first read: the reader is held until it is done. Works on one file
/// system only, not through an overlay.
class AtFirstRead {
  public:
    AtFirstRead(const std::string& file, std::function<void()> act)
        : events_{::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC)},
          able_{events_.valid() &&
                ::fanotify_mark(events_.get(), FAN_MARK_ADD, FAN_ACCESS_PERM, AT_FDCWD, file.c_str()) == 0} {
        if (able_) thread_ = std::thread{[this, does = std::move(act)] { serve(does); }};
    }
    AtFirstRead(const AtFirstRead&) = delete;
    AtFirstRead& operator=(const AtFirstRead&) = delete;
    ~AtFirstRead() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    /// Kernels can be made without such events.
    [[nodiscard]] bool able() const { return able_; }
    [[nodiscard]] bool happened() const { return happened_; }

  private:
    void serve(const std::function<void()>& act) {
        while (!stop_) {
            pollfd waiting{events_.get(), POLLIN, 0};
            fanotify_event_metadata event{};
            if (::poll(&waiting, 1, 10) <= 0 || ::read(events_.get(), &event, sizeof event) <= 0) continue;
            const UniqueFd read_file{event.fd};
            if (!happened_.exchange(true)) act();
            const fanotify_response answer{event.fd, FAN_ALLOW};
            EXPECT_EQ(::write(events_.get(), &answer, sizeof answer), static_cast<ssize_t>(sizeof answer));
        }
    }

    UniqueFd events_;
    bool able_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> happened_{false};
    std::thread thread_;
};

class EscapeRaces : public EscapeTest {
  protected:
    /// Runs the same container many times; what it says each time is for `judge` to look at.
    template <class Judge>
    void run_often(const ContainerSpec& wanted, Judge judge) {
        for (int i = 0; i < kRounds && !HasFailure(); ++i) judge(run(wanted));
    }
};

// CVE-2021-30465: the mount point of one container, in a volume that another one writes.
TEST_F(EscapeRaces, MountPointInASharedVolumeBecomesALink) {
    const std::string volume = dir().file("volume");
    fs::create_directories(volume + "/point");
    fs::create_symlink("../../../../../../../.." + canary(), volume + "/other");
    dir().write("inner/file", "inner\n");
    ContainerSpec wanted = plain_spec({"cat", "/proc/self/mountinfo"});
    wanted.mounts = with_default_mounts({{"/data", "bind", volume, {"rbind"}, ""},
                                         {"/data/point", "bind", dir().file("inner"), {"rbind"}, ""}});
    const Swapper swapper{volume + "/point", volume + "/other"};
    run_often(wanted, [&](const ContainerRun& result) {
        // It may end up at the link's other end, below the container's own root, but somewhere in it.
        if (result.error.empty()) {
            EXPECT_THAT(result.out, HasSubstr("/inner /"));
        }
    });
}

// CVE-2024-45310: parts of the mount point have to be made while their parent changes.
TEST_F(EscapeRaces, ParentOfAMissingMountPointBecomesALink) {
    const std::string volume = dir().file("volume");
    fs::create_directories(volume + "/parent");
    fs::create_symlink("../../../../../../../.." + canary(), volume + "/other");
    const std::string file = dir().write("file", "file\n");
    ContainerSpec wanted = plain_spec({"true"});
    wanted.mounts = with_default_mounts({{"/data", "bind", volume, {"rbind"}, ""}});
    const Swapper swapper{volume + "/parent", volume + "/other"};
    for (int i = 0; i < kRounds && !HasFailure(); ++i) {
        // Another name each time, so that there is something to make.
        wanted.mounts.resize(default_mounts().size() + 1);
        wanted.mounts.push_back({fmt::format("/data/parent/{}/deep/file", i), "bind", file, {"bind"}, ""});
        run(wanted);
        EXPECT_THAT(list_directory(canary()), testing::ElementsAre("flag")) << "in round " << i;
    }
}

// CVE-2023-27561, CVE-2026-41579: two containers on one root; the other one swaps /proc or /dev.
TEST_F(EscapeRaces, ProcAndDevOfASharedRootBecomeLinks) {
    for (const char* name : {"proc", "dev", "sys"}) {
        const ContainerSpec wanted = plain_spec({"ls", std::string{"/"} + name});
        fs::create_directory(in_root(name));
        fs::create_directory(in_root("fake"));
        fs::create_symlink("fake", in_root("link"));
        {
            const Swapper swapper{in_root(name), in_root("link")};
            run_often(wanted, [&](const ContainerRun& result) {
                if (!result.error.empty()) {
                    EXPECT_THAT(result.error, HasSubstr(fmt::format("mounting /{}", name)));
                    return;
                }
                // The path may lead to the link's target by now, but the runtime mounted on the directory.
                EXPECT_THAT(list_directory(in_root("fake")), testing::IsEmpty());
            });
        }
        fs::remove_all(in_root("fake"));
        fs::remove_all(in_root("link"));
        fs::remove_all(in_root(name));
    }
}

// CVE-2024-21626, CVE-2025-52881: the working directory on its way.
TEST_F(EscapeRaces, WorkingDirectoryBecomesALink) {
    const std::string volume = dir().file("volume");
    fs::create_directories(volume + "/work/dir");
    fs::create_symlink("/proc/self/fd", volume + "/other");
    ContainerSpec wanted = plain_spec({"ls", "-a", ".", ".."});
    wanted.mounts = with_default_mounts({{"/data", "bind", volume, {"rbind"}, ""}});
    wanted.process.cwd = "/data/work/dir";
    const Swapper swapper{volume + "/work", volume + "/other"};
    run_often(wanted, [&](const ContainerRun& result) {
        if (result.error.empty()) {
            EXPECT_THAT(result.out, testing::Not(HasSubstr("canary")));
        } else {
            EXPECT_THAT(result.error, HasSubstr("/data/work/dir"));
        }
    });
}

// A fresh volume takes over what the image has, and a neighbour of the image waits for the copy with a fifo.
TEST_F(EscapeRaces, FileThatIsCopiedIntoAVolumeBecomesAFifo) {
    ContainerSpec wanted = plain_spec({"ls", "/data"});
    dir().write("plain/data/file", "from the image");
    ASSERT_EQ(::mkfifo(in_root("fifo").c_str(), 0600), 0);
    wanted.mounts = with_default_mounts({{"/data", "tmpfs", "tmpfs", {"tmpcopyup"}, ""}});
    const Swapper swapper{in_root("data/file"), in_root("fifo")};
    run_often(wanted, [&](const ContainerRun& result) {
        if (result.error.empty()) {
            EXPECT_EQ(result.out, "file\n");
        } else {
            EXPECT_THAT(result.error, HasSubstr("copy \"file\""));
        }
    });
}

TEST_F(EscapeRaces, CopyInASharedVolumeBecomesALink) {
    ContainerSpec wanted = plain_spec({"ls", "/data"});
    const std::string volume = dir().file("volume");
    const std::string source = dir().write("plain/data/file", "from the image");
    ASSERT_EQ(::chmod(source.c_str(), 0777), 0);
    fs::create_directory(volume);
    wanted.mounts = with_default_mounts({{"/data", "bind", volume, {"rbind", "copyup"}, ""}});
    const AtFirstRead neighbour{source, [&] {
                                    fs::rename(volume + "/file", volume + "/moved");
                                    fs::create_symlink(flag(), volume + "/file");
                                }};
    if (!neighbour.able()) GTEST_SKIP() << "this kernel tells nobody before a file is read";
    EXPECT_EQ(run(wanted).out, "file\nmoved\n");
    EXPECT_TRUE(neighbour.happened());
    EXPECT_TRUE(fs::is_symlink(volume + "/file"));
    EXPECT_EQ(read_file(volume + "/moved"), "from the image");
    struct stat info {};
    ASSERT_EQ(::stat((volume + "/moved").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0777u);
}

TEST_F(EscapeRaces, FileThatIsCopiedGrowsAllTheWhile) {
    ContainerSpec wanted = plain_spec({"cat", "/data/file"});
    const std::string source = dir().write("plain/data/file", "from the image");
    // Into another file system there is no copy but by hand.
    wanted.mounts = with_default_mounts({{"/data", "tmpfs", "tmpfs", {"tmpcopyup"}, ""}});
    const AtFirstRead neighbour{source, [&] { std::ofstream{source, std::ios::app} << " and more"; }};
    if (!neighbour.able()) GTEST_SKIP() << "this kernel tells nobody before a file is read";
    EXPECT_EQ(run(wanted).out, "from the image");
    EXPECT_TRUE(neighbour.happened());
}

// CVE-2025-31133 for whoever joins: the container's root swaps its own /dev/null for a link while an exec opens it.
TEST_F(EscapeRaces, NullDeviceOfARunningContainerBecomesALink) {
    const PendingProcess& container = start(spec({"sh", "-c", "echo kept > /etc/kept; sleep 1000"}));
    const std::string root = fmt::format("/proc/{}/root", container.pid());
    ASSERT_TRUE(eventually([&] { return fs::exists(root + "/etc/kept"); }));
    fs::create_symlink("/etc/kept", root + "/dev/other");
    const std::string before = fs::read_symlink("/proc/self/ns/mnt");
    {
        const Swapper swapper{root + "/dev/null", root + "/dev/other"};
        for (int i = 0; i < kRounds && !HasFailure(); ++i) {
            const ContainerRun result = exec(container.handle(), process({"cat"}));
            EXPECT_THAT(result.out, Eq(""));
            if (!result.error.empty()) {
                EXPECT_THAT(result.error, AnyOf(HasSubstr("open /dev/null in the container"),
                                                HasSubstr("is not the null device: refused")));
            }
        }
    }
    EXPECT_EQ(read_file(root + "/etc/kept"), "kept\n");
    EXPECT_EQ(fs::read_symlink("/proc/self/ns/mnt").string(), before);
}

// Account files are opened once and read from that descriptor.
TEST_F(EscapeRaces, PasswdOfASharedRootBecomesALink) {
    ContainerSpec wanted = plain_spec({"id", "-u"});
    fs::create_symlink("busybox", in_root("bin/id"));
    dir().write("plain/etc/passwd", "app:x:1234:1234::/:\n");
    dir().write("outside", "app:x:0:0::/:\n");
    fs::create_symlink(dir().file("outside"), in_root("etc/other"));
    wanted.process.user = "app";
    const Swapper swapper{in_root("etc/passwd"), in_root("etc/other")};
    run_often(wanted, [&](const ContainerRun& result) {
        if (result.error.empty()) {
            EXPECT_EQ(result.out, "1234\n");
        } else {
            EXPECT_THAT(result.error, HasSubstr("no user \"app\""));
        }
    });
}

}  // namespace
}  // namespace stack::test
