// An empty volume gets what the image has at the mount point, as it is there.
#include "manager/engine/tree_copy.hpp"
#include "manager/engine/volume_fill.hpp"
#include "manager/engine/volume_store.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temp_root.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::engine {
namespace {

using test::eventually;
using testing::ElementsAre;
using testing::IsEmpty;

/// A file at which every reader waits until `open`: the kernel asks the holder of a lease first (fcntl(2)).
class Gate {
  public:
    explicit Gate(const std::string& path) : file_{::open(path.c_str(), O_WRONLY | O_CLOEXEC)} {
        ::signal(SIGIO, SIG_IGN);  // it asks by this signal too, which kills who doesn't expect it
        EXPECT_EQ(::fcntl(file_.get(), F_SETLEASE, F_WRLCK), 0) << ::strerror(errno);
    }
    [[nodiscard]] bool somebody_waits() const {
        return eventually([this] { return ::fcntl(file_.get(), F_GETLEASE) != F_WRLCK; });
    }
    void open() { file_.reset(); }

  private:
    UniqueFd file_;
};

/// What a container that has the volume does all the time: as soon as the next of `names` comes up it is put aside, and a link
/// to `target` takes its place.
class Neighbour {
  public:
    Neighbour(std::string folder, std::vector<std::string> names, std::string target)
        : folder_{std::move(folder)}, names_{std::move(names)}, target_{std::move(target)}, thread_{[this] {
              run();
          }} {}
    Neighbour(const Neighbour&) = delete;
    Neighbour& operator=(const Neighbour&) = delete;
    ~Neighbour() {
        stop_ = true;
        thread_.join();
    }
    /// Returns when it has looked for the next name once more, or has had them all.
    void let_try() const {
        const long begun = tries_;
        EXPECT_TRUE(eventually([&] { return tries_ > begun + 1 || has_all(); }));
    }
    [[nodiscard]] bool has_all() const { return swapped_ == names_.size(); }

  private:
    void run() {
        for (; !stop_ && !has_all(); ++tries_) {
            const std::string name = folder_ + '/' + names_[swapped_];
            if (!path_exists(name)) continue;  // to look takes no lock, which would keep the filler out
            EXPECT_EQ(::rename(name.c_str(), (name + ".aside").c_str()), 0);
            EXPECT_EQ(::symlink(target_.c_str(), name.c_str()), 0);
            ++swapped_;
        }
    }

    const std::string folder_;
    const std::vector<std::string> names_;
    const std::string target_;
    std::atomic<bool> stop_{false};
    std::atomic<std::size_t> swapped_{0};
    std::atomic<long> tries_{0};
    std::thread thread_;
};

class VolumeFill : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root to own files";
        VolumeRecord volume;
        volume.name = "data";
        create_volume(paths_, volume);
        mount_.volume_name = "data";
        mount_.target = "/var/lib/app";
        mount_.host_path = volume_data(paths_, "data");
        make_directories(in_image("var/lib/app"), 0755);
    }
    [[nodiscard]] std::string in_image(const std::string& path) const {
        return directory_.file("image/" + path);
    }
    [[nodiscard]] std::string in_volume(const std::string& path) const {
        return mount_.host_path + '/' + path;
    }
    [[nodiscard]] struct stat status(const std::string& path) const {
        struct stat info {};
        EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
        return info;
    }
    void fill() const {
        if (!wants_filling(mount_)) return;
        fill_volume(open_directory(directory_.file("image")).get(), mount_);
    }
    /// Files of which one hard link comes before `gate` and one after it.
    void write_image_with_a_gate() const {
        directory_.write("image/var/lib/app/d/secret", "the image's", 0640);
        directory_.write("image/var/lib/app/gate", "gate");
        ASSERT_EQ(::link(in_image("var/lib/app/d/secret").c_str(), in_image("var/lib/app/z").c_str()), 0);
    }
    /// `work` stands still at the image's `gate` while `meanwhile` runs.
    void around_gate(const std::function<void()>& work, const std::function<void()>& meanwhile) const {
        Gate gate{in_image("var/lib/app/gate")};
        std::thread worker{[&work] { EXPECT_NO_THROW(work()); }};
        EXPECT_TRUE(gate.somebody_waits());
        meanwhile();
        gate.open();
        worker.join();
    }
    void write_canary() const { directory_.write("canary/secret", "the host's", 0600); }
    void expect_canary_alone() const {
        EXPECT_THAT(list_directory(directory_.file("canary")), ElementsAre("secret"));
        EXPECT_EQ(read_file(directory_.file("canary/secret")), "the host's");
        EXPECT_EQ(status(directory_.file("canary/secret")).st_mode & 07777, 0600u);
        EXPECT_EQ(status(directory_.file("canary/secret")).st_nlink, 1u);
    }
    [[nodiscard]] std::vector<std::string> volume_folder() const {
        return list_directory(directory_.file("root/volumes/data"));
    }

    test::TempDir directory_;
    Paths paths_{directory_.file("root"), directory_.file("run"), {}, {}, {}, {}};
    MountRecord mount_;
};

TEST_F(VolumeFill, CopiesEverythingThatAnImageCanHave) {
    const std::string app = in_image("var/lib/app");
    directory_.write("image/var/lib/app/sub/file", "content", 0640);
    ASSERT_EQ(::chown((app + "/sub/file").c_str(), 5, 6), 0);
    ASSERT_EQ(::chmod((app + "/sub/file").c_str(), 04755), 0);
    ASSERT_EQ(::link((app + "/sub/file").c_str(), (app + "/another").c_str()), 0);
    ASSERT_EQ(::symlink("/etc/passwd", (app + "/link").c_str()), 0);
    ASSERT_EQ(::lchown((app + "/link").c_str(), 7, 8), 0);
    ASSERT_EQ(::mkfifo((app + "/pipe").c_str(), 0600), 0);
    ASSERT_EQ(::chmod((app + "/pipe").c_str(), 0620), 0);
    directory_.write("image/var/lib/app/sparse", "start");
    ASSERT_EQ(::truncate((app + "/sparse").c_str(), 64 << 20), 0);
    ASSERT_EQ(::setxattr((app + "/sparse").c_str(), "user.note", "x", 1, 0), 0);
    ASSERT_EQ(::chown(app.c_str(), 999, 998), 0);
    ASSERT_EQ(::chmod(app.c_str(), 02770), 0);
    fill();
    EXPECT_EQ(read_file(in_volume("sub/file")), "content");
    EXPECT_EQ(status(in_volume("sub/file")).st_uid, 5u);
    EXPECT_EQ(status(in_volume("sub/file")).st_mode & 07777, 04755u);
    EXPECT_EQ(status(in_volume("sub/file")).st_mtim.tv_sec, status(app + "/sub/file").st_mtim.tv_sec);
    EXPECT_EQ(status(in_volume("another")).st_ino, status(in_volume("sub/file")).st_ino);
    EXPECT_EQ(status(in_volume("link")).st_uid, 7u);
    EXPECT_TRUE(S_ISLNK(status(in_volume("link")).st_mode));
    EXPECT_EQ(status(in_volume("pipe")).st_mode & 07777, 0620u);
    EXPECT_EQ(status(in_volume("sparse")).st_size, 64 << 20);
    EXPECT_LT(status(in_volume("sparse")).st_blocks * 512, 1 << 20);
    EXPECT_EQ(read_file(in_volume("sparse")).substr(0, 6), std::string("start\0", 6));
    char value = 0;
    EXPECT_EQ(::getxattr(in_volume("sparse").c_str(), "user.note", &value, 1), 1);
    EXPECT_EQ(status(mount_.host_path).st_uid, 999u) << "the mount point's own owner";
    EXPECT_EQ(status(mount_.host_path).st_mode & 07777, 02770u);
    EXPECT_FALSE(wants_filling(mount_));
}

TEST_F(VolumeFill, AnEmptyFolderGivesItsOwnerAndMode) {
    ASSERT_EQ(::chown(in_image("var/lib/app").c_str(), 999, 999), 0);
    fill();
    EXPECT_EQ(status(mount_.host_path).st_uid, 999u);
    EXPECT_TRUE(list_directory(mount_.host_path).empty());
}

TEST_F(VolumeFill, LeavesAVolumeAloneThatHasSomething) {
    directory_.write("image/var/lib/app/new", "new");
    directory_.write("root/volumes/data/_data/old", "old");
    EXPECT_FALSE(wants_filling(mount_));
    fill_volume(open_directory(directory_.file("image")).get(), mount_);
    EXPECT_FALSE(path_exists(in_volume("new")));
}

TEST_F(VolumeFill, NeitherBindsNorNocopyAreFilled) {
    mount_.nocopy = true;
    EXPECT_FALSE(wants_filling(mount_));
    mount_.nocopy = false;
    mount_.volume_name.clear();
    EXPECT_FALSE(wants_filling(mount_));
}

TEST_F(VolumeFill, FollowsLinksInsideTheImageOnly) {
    directory_.write("outside/secret", "secret");
    directory_.write("image/real/file", "inside");
    remove_tree(in_image("var/lib/app"));
    ASSERT_EQ(::symlink("/real", in_image("var/lib/app").c_str()), 0);
    fill();
    EXPECT_EQ(read_file(in_volume("file")), "inside");
    remove_tree(in_volume("file"));
    remove_tree(in_image("var/lib/app"));
    ASSERT_EQ(::symlink("../../../../../../outside", in_image("var/lib/app").c_str()), 0);
    fill();
    EXPECT_TRUE(list_directory(mount_.host_path).empty());
}

TEST_F(VolumeFill, WhatTheImageDoesNotHaveLeavesTheVolumeAsItIs) {
    mount_.target = "/nowhere";
    fill();
    EXPECT_EQ(status(mount_.host_path).st_mode & 07777, 0755u);
    EXPECT_TRUE(wants_filling(mount_));
}

TEST_F(VolumeFill, NobodySeesHalfACopy) {
    write_image_with_a_gate();
    ASSERT_EQ(::chmod(in_image("var/lib/app").c_str(), 0711), 0);
    const auto look = [this] {
        EXPECT_THAT(list_directory(mount_.host_path), IsEmpty());
        EXPECT_EQ(status(mount_.host_path).st_mode & 07777, 0755u);
        EXPECT_EQ(status(directory_.file("root/volumes/data/_filling")).st_mode & 07777, 0700u);
        EXPECT_TRUE(wants_filling(mount_)) << "whoever comes now has to wait";
    };
    around_gate([this] { fill(); }, look);
    EXPECT_THAT(list_directory(mount_.host_path), ElementsAre("d", "gate", "z"));
    EXPECT_EQ(status(in_volume("z")).st_ino, status(in_volume("d/secret")).st_ino);
    EXPECT_EQ(status(mount_.host_path).st_mode & 07777, 0711u);
    EXPECT_THAT(volume_folder(), ElementsAre("_data", "fill.lock", "volume.json"));
}

TEST_F(VolumeFill, NeighbourThatSwapsFoldersGetsNoFileOfTheHost) {
    write_canary();
    write_image_with_a_gate();
    {
        const Neighbour neighbour{mount_.host_path, {"d"}, directory_.file("canary")};
        around_gate([this] { fill(); }, [&neighbour] { neighbour.let_try(); });
        EXPECT_TRUE(eventually([&] { return neighbour.has_all(); }));
    }
    expect_canary_alone();
    EXPECT_EQ(read_file(in_volume("d.aside/secret")), "the image's");
    EXPECT_EQ(status(in_volume("z")).st_ino, status(in_volume("d.aside/secret")).st_ino);
}

TEST_F(VolumeFill, NeighbourThatSwapsPipesSetsNoModeOfTheHost) {
    write_canary();
    std::vector<std::string> pipes;
    for (int i = 0; i < 100; ++i) pipes.push_back(fmt::format("pipe{:02}", i));
    for (const std::string& pipe : pipes) {
        ASSERT_EQ(::mkfifo(in_image("var/lib/app/" + pipe).c_str(), 0600), 0);
        ASSERT_EQ(::chmod(in_image("var/lib/app/" + pipe).c_str(), 04777), 0);
    }
    {
        const Neighbour neighbour{mount_.host_path, pipes, directory_.file("canary/secret")};
        fill();
        EXPECT_TRUE(eventually([&] { return neighbour.has_all(); }));
    }
    expect_canary_alone();
    for (const std::string& pipe : pipes)
        EXPECT_EQ(status(in_volume(pipe + ".aside")).st_mode, S_IFIFO | 04777u) << pipe;
}

// The copy by itself, should its destination ever be within somebody's reach again.
TEST_F(VolumeFill, CopyLinksNothingThroughASwappedFolder) {
    write_canary();
    write_image_with_a_gate();
    const auto copy = [this] {
        copy_tree(open_directory(in_image("var/lib/app")).get(), open_directory(mount_.host_path).get());
    };
    const auto swap = [this] {
        EXPECT_EQ(::rename(in_volume("d").c_str(), in_volume("aside").c_str()), 0);
        EXPECT_EQ(::symlink(directory_.file("canary").c_str(), in_volume("d").c_str()), 0);
    };
    around_gate(copy, swap);
    expect_canary_alone();
    EXPECT_EQ(read_file(in_volume("z")), "the image's") << "a file of its own";
    EXPECT_EQ(status(in_volume("z")).st_mode & 07777, 0640u);
}

TEST_F(VolumeFill, KeepsWhatAContainerWroteMeanwhile) {
    write_image_with_a_gate();
    ASSERT_EQ(::chmod(in_image("var/lib/app").c_str(), 0711), 0);
    around_gate([this] { fill(); }, [this] { directory_.write("root/volumes/data/_data/mine", "mine"); });
    EXPECT_THAT(list_directory(mount_.host_path), ElementsAre("mine"));
    EXPECT_EQ(status(mount_.host_path).st_mode & 07777, 0755u)
        << "nothing of the image came, its mode neither";
    EXPECT_THAT(volume_folder(), ElementsAre("_data", "fill.lock", "volume.json"));
}

TEST_F(VolumeFill, FillersTakeTurns) {
    write_image_with_a_gate();
    directory_.write("second/var/lib/app/other", "the second image's");
    std::thread second;
    const auto start_second = [&] {
        second = std::thread{[this] {
            EXPECT_NO_THROW(fill_volume(open_directory(directory_.file("second")).get(), mount_));
        }};
    };
    around_gate([this] { fill(); }, start_second);
    second.join();
    EXPECT_THAT(list_directory(mount_.host_path), ElementsAre("d", "gate", "z"));
}

TEST_F(VolumeFill, StartsAnewAfterACopyThatWasKilled) {
    directory_.write("image/var/lib/app/file", "whole");
    directory_.write("root/volumes/data/_filling/copy/file", "ha");
    directory_.write("root/volumes/data/_filling/copy/stale", "from another image");
    fill();
    EXPECT_EQ(read_file(in_volume("file")), "whole");
    EXPECT_THAT(list_directory(mount_.host_path), ElementsAre("file"));
    EXPECT_THAT(volume_folder(), ElementsAre("_data", "fill.lock", "volume.json"));
    EXPECT_FALSE(wants_filling(mount_));
}

TEST_F(VolumeFill, RemovesAKilledCopyAlsoWhereNothingIsToBeFilled) {
    directory_.write("image/var/lib/app/file", "the image's");
    directory_.write("root/volumes/data/_filling/copy/file", "ha");
    directory_.write("root/volumes/data/_data/mine", "mine");
    EXPECT_TRUE(wants_filling(mount_));
    fill();
    EXPECT_THAT(list_directory(mount_.host_path), ElementsAre("mine"));
    EXPECT_THAT(volume_folder(), ElementsAre("_data", "fill.lock", "volume.json"));
    EXPECT_FALSE(wants_filling(mount_));
}

TEST_F(VolumeFill, GoesOnWhereAKilledOneStoppedAndReplacesNothing) {
    directory_.write("image/var/lib/app/file", "another image's");
    directory_.write("root/volumes/data/_filling/whole/a", "the image's");
    directory_.write("root/volumes/data/_filling/whole/b", "the image's");
    directory_.write("root/volumes/data/_filling/whole/c/file", "the image's");
    ASSERT_EQ(::chmod(directory_.file("root/volumes/data/_filling/whole").c_str(), 0711), 0);
    directory_.write("root/volumes/data/_data/a", "mine");
    make_directories(in_volume("c"), 0700);
    fill();
    EXPECT_THAT(list_directory(mount_.host_path), ElementsAre("a", "b", "c"));
    EXPECT_EQ(read_file(in_volume("a")), "mine");
    EXPECT_EQ(read_file(in_volume("b")), "the image's");
    EXPECT_THAT(list_directory(in_volume("c")), IsEmpty());
    EXPECT_EQ(status(mount_.host_path).st_mode & 07777, 0711u);
    EXPECT_THAT(volume_folder(), ElementsAre("_data", "fill.lock", "volume.json"));
}

TEST_F(VolumeFill, FailedCopyLeavesTheVolumeEmpty) {
    directory_.write("image/var/lib/app/a", "a");
    std::string deep = "image/var/lib/app/deep";
    for (int i = 0; i < 310; ++i) deep += "/d";
    directory_.write(deep + "/file", "too deep");
    EXPECT_THROW(fill(), Error);
    EXPECT_THAT(list_directory(mount_.host_path), IsEmpty());
    EXPECT_THAT(volume_folder(), ElementsAre("_data", "fill.lock", "volume.json"));
}

}  // namespace
}  // namespace stack::engine
