// An empty volume gets what the image has at the mount point, as it is there.
#include "manager/engine/volume_fill.hpp"
#include "manager/engine/volume_store.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/temp_root.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace stack::engine {
namespace {

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

TEST_F(VolumeFill, StartsAnewAfterAFillThatWasKilled) {
    directory_.write("image/var/lib/app/file", "whole");
    directory_.write("root/volumes/data/_data/file", "ha");
    directory_.write("root/volumes/data/_data/stale", "from another image");
    directory_.write("root/volumes/data/unfinished", "");
    EXPECT_TRUE(wants_filling(mount_));
    fill();
    EXPECT_EQ(read_file(in_volume("file")), "whole");
    EXPECT_FALSE(path_exists(in_volume("stale")));
    EXPECT_FALSE(wants_filling(mount_));
}

}  // namespace
}  // namespace stack::engine
