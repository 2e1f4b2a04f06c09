// Layers from honest and from hostile archives, unpacked on a real file system beside a canary that must not change.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/layer_unpacker.hpp"
#include "tests/kernel/image_tar.hpp"
#include "tests/support/temp_root.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::image {
namespace {

using test::HostileTar;

// outside/canary, outside/folder/ and layer/ side by side, so that one `..` too many is seen.
class Unpack : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root to own files";
        prepare_archive_locale();
        old_mask_ = ::umask(0);
        directory_.write("outside/canary", "alive");
        directory_.write("outside/folder/file", "alive");
        make_directories(layer());
        before_ = picture(directory_.file("outside"));
    }
    void TearDown() override {
        ::umask(old_mask_);
        EXPECT_EQ(picture(directory_.file("outside")), before_) << "something outside the layer has changed";
        EXPECT_EQ(list_directory(directory_.path()), (std::vector<std::string>{"layer", "outside"}));
    }

    UnpackResult unpack(const std::string& tar, const UnpackLimits& limits = {}) {
        const UniqueFd folder = open_directory(layer());
        ArchiveReader reader{std::as_bytes(std::span{tar.data(), tar.size()})};
        return LayerUnpacker{folder.get(), limits,
                             [this](const std::string& text) { warnings_.push_back(text); }}
            .unpack(reader);
    }
    UnpackResult unpack(const HostileTar& tar, const UnpackLimits& limits = {}) {
        return unpack(tar.finish(), limits);
    }

    // The refusal's text; "accepted" when there was none.
    std::string refusal(const HostileTar& tar, const UnpackLimits& limits = {}) {
        try {
            unpack(tar, limits);
            return "accepted";
        } catch (const Error& error) {
            return error.what();
        }
    }

    [[nodiscard]] std::string layer() const { return directory_.file("layer"); }
    [[nodiscard]] std::string in_layer(const std::string& path) const { return layer() + '/' + path; }
    [[nodiscard]] std::string content(const std::string& path) const { return read_file(in_layer(path)); }
    [[nodiscard]] struct stat status(const std::string& path) const {
        struct stat info {};
        EXPECT_EQ(::lstat(in_layer(path).c_str(), &info), 0) << path;
        return info;
    }
    [[nodiscard]] bool exists(const std::string& path) const { return path_exists(in_layer(path)); }
    [[nodiscard]] std::string link_target(const std::string& path) const {
        char buffer[4096];
        const ssize_t length = ::readlink(in_layer(path).c_str(), buffer, sizeof buffer);
        return length < 0 ? "no link" : std::string(buffer, static_cast<std::size_t>(length));
    }

    // Names, modes, owners, link counts and contents below a folder.
    static std::map<std::string, std::string> picture(const std::string& root) {
        std::map<std::string, std::string> result;
        for (const std::string& name : list_directory(root)) {
            const std::string path = root + '/' + name;
            struct stat info {};
            ::lstat(path.c_str(), &info);
            result[path] =
                fmt::format("{:o} {} {} {}", info.st_mode, info.st_uid, info.st_gid, info.st_nlink);
            if (S_ISREG(info.st_mode)) result[path] += ' ' + read_file(path);
            if (S_ISDIR(info.st_mode)) result.merge(picture(path));
        }
        return result;
    }

    test::TempDir directory_;
    std::vector<std::string> warnings_;

  private:
    mode_t old_mask_ = 0;
    std::map<std::string, std::string> before_;
};

// --- what honest images need ---

TEST_F(Unpack, KeepsContentModeOwnerAndTime) {
    const UnpackResult result = unpack(HostileTar{}
                                           .folder("./", 0751)
                                           .folder("etc/", 01777)
                                           .owner(1000, 33)
                                           .file("etc/secret", "text", 0640)
                                           .file("bin/su", "x", 04755)
                                           .symlink("etc/link", "/etc/secret")
                                           .fifo("etc/pipe"));
    EXPECT_EQ(content("etc/secret"), "text");
    EXPECT_EQ(status("etc/secret").st_uid, 1000u);
    EXPECT_EQ(status("etc/secret").st_gid, 33u);
    EXPECT_EQ(status("etc/secret").st_mode, S_IFREG | 0640u);
    EXPECT_EQ(status("etc/secret").st_mtim.tv_sec, 1'700'000'000);
    EXPECT_EQ(status("etc").st_mode, S_IFDIR | 01777u);
    EXPECT_EQ(status("etc").st_mtim.tv_sec, 1'700'000'000) << "set after the folder was filled";
    EXPECT_EQ(status("bin/su").st_mode, S_IFREG | 04755u);
    EXPECT_EQ(link_target("etc/link"), "/etc/secret") << "as it is written, not resolved";
    EXPECT_TRUE(S_ISFIFO(status("etc/pipe").st_mode));
    EXPECT_EQ(status("").st_mode & 07777, 0751u);
    EXPECT_EQ(result.size, 5u);
    EXPECT_EQ(result.implicit_folders, std::vector<std::string>{"bin"});
}

TEST_F(Unpack, HardLinksShareOneFile) {
    const UnpackResult result = unpack(HostileTar{}
                                           .file("a/one", "text")
                                           .hard_link("b/two", "a/one")
                                           .hard_link("three", "/a/one")
                                           .symlink("l", "a")
                                           .hard_link("l2", "l"));
    EXPECT_EQ(status("a/one").st_nlink, 3u);
    EXPECT_EQ(status("b/two").st_ino, status("a/one").st_ino);
    EXPECT_TRUE(S_ISLNK(status("l2").st_mode)) << "a second name of the link, not of what it names";
    EXPECT_EQ(result.size, 4u);
}

TEST_F(Unpack, MergedUsrStaysMerged) {
    unpack(HostileTar{}.folder("usr/lib").symlink("lib", "usr/lib").file("lib/libc.so", "elf"));
    EXPECT_EQ(link_target("lib"), "usr/lib");
    EXPECT_EQ(content("usr/lib/libc.so"), "elf");
}

TEST_F(Unpack, LaterEntriesReplaceEarlierOnes) {
    unpack(HostileTar{}
               .file("f", "old")
               .file("f", "new")
               .folder("d")
               .file("d/inner", "x")
               .file("d", "now a file")
               .file("x", "x")
               .folder("x")
               .file("x/y", "below"));
    EXPECT_EQ(content("f"), "new");
    EXPECT_EQ(content("d"), "now a file");
    EXPECT_EQ(content("x/y"), "below");
}

TEST_F(Unpack, AFolderEntryForAnExistingFolderKeepsItsContent) {
    unpack(HostileTar{}.file("d/f", "x").folder("d", 0700));
    EXPECT_EQ(content("d/f"), "x");
    EXPECT_EQ(status("d").st_mode & 07777, 0700u);
}

TEST_F(Unpack, WhiteoutsBecomeOverlayMarksWhateverTheirPlace) {
    const UnpackResult result = unpack(HostileTar{}
                                           .file("etc/.wh.gone")
                                           .file("etc/.wh.replaced")
                                           .file("etc/replaced", "new")
                                           .folder("var/cache")
                                           .file("var/cache/.wh..wh..opq")
                                           .folder("srv")
                                           .file("srv/x", "y")
                                           .file(".wh.srv")
                                           .file(".wh..wh.plnk", "aufs"));
    const struct stat gone = status("etc/gone");
    EXPECT_TRUE(S_ISCHR(gone.st_mode));
    EXPECT_EQ(gone.st_rdev, makedev(0, 0));
    EXPECT_EQ(content("etc/replaced"), "new") << "a whiteout speaks of lower layers only";
    EXPECT_EQ(result.opaque_folders, (std::vector<std::string>{"srv", "var/cache"}));
    EXPECT_FALSE(exists(".wh..wh.plnk"));
}

TEST_F(Unpack, KeepsFileCapabilitiesAndUserAttributes) {
    // VFS_CAP_REVISION_2, cap_net_bind_service
    const std::string capability{
        "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20};
    unpack(HostileTar{}
               .pax("SCHILY.xattr.security.capability", capability)
               .pax("SCHILY.xattr.user.note", "hi")
               .owner(5, 5)
               .file("bin/ping", "elf", 0755));
    char value[64];
    EXPECT_EQ(::getxattr(in_layer("bin/ping").c_str(), "security.capability", value, sizeof value), 20);
    EXPECT_EQ(::getxattr(in_layer("bin/ping").c_str(), "user.note", value, sizeof value), 2);
    EXPECT_TRUE(warnings_.empty());
}

TEST_F(Unpack, NamesMayBeLongAndForeign) {
    const std::string part(200, 'p'), name = part + "/" + part + "/gr\xc3\xbc\xc3\x9f" + "e";
    unpack(HostileTar{}.file(name, "x").file("plain-\xc3\xbc", "y"));
    EXPECT_EQ(content(name), "x");
    EXPECT_EQ(content("plain-\xc3\xbc"), "y");
}

TEST_F(Unpack, InheritsWhatTheArchiveDoesNotSayFromTheLayersBelow) {
    directory_.write("layer/below/var/lib/x", "x");
    ASSERT_EQ(::chmod(in_layer("below/var/lib").c_str(), 0711), 0);
    ASSERT_EQ(::chown(in_layer("below/var/lib").c_str(), 42, 43), 0);
    make_directories(in_layer("top/var/lib"), 0755);
    const UniqueFd below = open_directory(in_layer("below")), top = open_directory(in_layer("top"));
    inherit_folder_attributes(top.get(), {"", "var", "var/lib", "not/there"}, {below.get()});
    EXPECT_EQ(status("top/var/lib").st_mode & 07777, 0711u);
    EXPECT_EQ(status("top/var/lib").st_uid, 42u);
}

// --- traps (many more of them are in image_hostile_cases.cpp) ---

const std::string kOutside = "../outside/canary";

TEST_F(Unpack, AbsoluteNamesStartAtTheLayer) {
    const std::string canary = directory_.file("outside/canary");
    unpack(HostileTar{}.file(canary, "inside").symlink("abs", canary).hard_link("hard", canary));
    EXPECT_EQ(content(canary.substr(1)), "inside");
    EXPECT_EQ(status("hard").st_nlink, 2u);
}

TEST_F(Unpack, WritesThroughALinkStayInside) {
    // Each of these would hit the canary if the kernel resolved the link as the host sees it.
    unpack(HostileTar{}
               .symlink("up", "../../../../../../../../../../")
               .file("up/etc/from-up", "x")
               .folder("outside")
               .symlink("sibling", "../outside")
               .file("sibling/canary", "dead")
               .symlink("absolute", "/outside")
               .file("absolute/canary2", "dead"));
    EXPECT_EQ(content("etc/from-up"), "x");
    EXPECT_EQ(content("outside/canary"), "dead");
    EXPECT_EQ(content("outside/canary2"), "dead");
}

TEST_F(Unpack, AFileDoesNotFollowTheLinkOfItsName) {
    unpack(HostileTar{}
               .symlink("x", kOutside)
               .file("x", "a new file", 0600)
               .symlink("d", "../outside/folder")
               .folder("d", 0777));
    EXPECT_EQ(content("x"), "a new file");
    EXPECT_TRUE(S_ISDIR(status("d").st_mode)) << "the link is replaced, not followed";
}

TEST_F(Unpack, AttributesDoNotTravelThroughALink) {
    unpack(HostileTar{}
               .owner(7, 7)
               .symlink("x", "../outside/canary")
               .owner(7, 7)
               .symlink("y", "../outside/folder"));
    EXPECT_EQ(status("x").st_uid, 7u);
}

TEST_F(Unpack, AFolderBecomesALinkAndAFolderAgain) {
    unpack(HostileTar{}
               .folder("d")
               .file("d/one", "1")
               .symlink("d", "../outside/folder")
               .folder("d")
               .file("d/two", "2")
               .file("d/file", "3"));
    EXPECT_FALSE(exists("d/one"));
    EXPECT_EQ(content("d/two"), "2");
}

TEST_F(Unpack, ARememberedParentIsForgottenWithItsFolder) {
    // The parent `a/b` is held open between entries; after the swap it must be looked up again.
    unpack(HostileTar{}.file("a/b/one", "1").symlink("a", "c").folder("c/b").file("a/b/two", "2"));
    EXPECT_EQ(content("c/b/two"), "2");
}

TEST_F(Unpack, FolderTimesDoNotTravelThroughALink) {
    struct stat before {
    }, after{};
    ASSERT_EQ(::lstat(directory_.file("outside/folder").c_str(), &before), 0);
    unpack(HostileTar{}.folder("d").symlink("d", "../outside/folder"));
    ASSERT_EQ(::lstat(directory_.file("outside/folder").c_str(), &after), 0);
    EXPECT_EQ(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
}

TEST_F(Unpack, LeavesOutDevicesAndSaysSo) {
    const UnpackResult result = unpack(
        HostileTar{}.device("dev/sda", '4', 8, 0).device("dev/mem", '3', 1, 1).device("wh", '3', 0, 0));
    EXPECT_FALSE(exists("dev/sda"));
    EXPECT_FALSE(exists("dev/mem"));
    EXPECT_FALSE(exists("wh")) << "a forged whiteout is a device node like any other";
    EXPECT_EQ(result.left_out, 3u);
    ASSERT_FALSE(warnings_.empty());
    EXPECT_NE(warnings_.front().find("dev/sda"), std::string::npos);
}

TEST_F(Unpack, LeavesOutAttributesThatMeanSomethingToTheHost) {
    const UnpackResult result = unpack(HostileTar{}
                                           .pax("SCHILY.xattr.trusted.overlay.redirect", "/../../outside")
                                           .pax("SCHILY.xattr.user.overlay.opaque", "y")
                                           .pax("SCHILY.xattr.security.ima", "x")
                                           .pax("SCHILY.xattr.security.selinux", "label")
                                           .pax("LIBARCHIVE.xattr.trusted.x", "eA==")
                                           .folder("d"));
    char list[256];
    EXPECT_EQ(::listxattr(in_layer("d").c_str(), list, sizeof list), 0);
    EXPECT_EQ(result.left_out, 5u);
    for (const std::string& warning : warnings_)
        EXPECT_EQ(warning.find("selinux"), std::string::npos) << "in every image of some distributions";
}

TEST_F(Unpack, StopsAtItsLimits) {
    UnpackLimits few;
    few.entries = 3;
    EXPECT_NE(refusal(HostileTar{}.file("a").file("b").file("c").file("d"), few).find("more than 3"),
              std::string::npos);
    UnpackLimits small;
    small.bytes = 10;
    EXPECT_NE(refusal(HostileTar{}.file("x", "123456").file("y", "123456"), small).find("'y'"),
              std::string::npos);
    UnpackLimits forgetful;
    forgetful.remembered_bytes = 1000;
    HostileTar folders;
    for (int i = 0; i < 100; ++i) folders.folder("d" + std::to_string(i));
    EXPECT_NE(refusal(folders, forgetful).find("too many folders"), std::string::npos);
}

TEST_F(Unpack, ATruncatedArchiveIsAnError) {
    const std::string tar = HostileTar{}.file("x", std::string(5000, 'x')).finish();
    EXPECT_THROW(unpack(tar.substr(0, 2048)), Error);
    EXPECT_THROW(unpack(std::string(3000, 'q')), Error);
}

TEST_F(Unpack, WhatFollowsTheEndIsIgnored) {
    unpack(HostileTar{}.file("x", "1").finish() + HostileTar{}.file("../outside/canary", "dead").finish());
    EXPECT_TRUE(exists("x"));
}

TEST_F(Unpack, SparseFilesStaySparse) {
    // GNU sparse 1.0: the map is in the data; 1 MiB hole, then "end".
    const std::string map = "1\n1048576\n3\n";
    std::string data = map + std::string(512 - map.size(), '\0') + "end";
    unpack(HostileTar{}
               .pax("GNU.sparse.major", "1")
               .pax("GNU.sparse.minor", "0")
               .pax("GNU.sparse.name", "sparse")
               .pax("GNU.sparse.realsize", "1048579")
               .file("GNUSparseFile.0/sparse", data));
    EXPECT_EQ(status("sparse").st_size, 1048579);
    EXPECT_LT(status("sparse").st_blocks * 512, 65536);
    EXPECT_EQ(content("sparse").substr(1048576), "end");
}

}  // namespace
}  // namespace stack::image
