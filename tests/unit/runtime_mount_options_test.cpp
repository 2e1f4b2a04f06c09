// Mount option words.
#include "runtime/base/error.hpp"
#include "runtime/mount_options.hpp"

#include <linux/mount.h>

#include <gtest/gtest.h>

namespace stack {
namespace {

TEST(MountOptions, SortsWordsIntoAttributesPropagationAndData) {
    const MountOptions bind = parse_mount_options("bind", {"rbind", "ro", "nosuid", "rslave", "noatime"});
    EXPECT_TRUE(bind.bind);
    EXPECT_TRUE(bind.recursive_bind);
    EXPECT_EQ(bind.set, std::uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME});
    EXPECT_EQ(bind.clear & MOUNT_ATTR__ATIME, std::uint64_t{MOUNT_ATTR__ATIME});
    EXPECT_EQ(bind.propagation, std::uint64_t{MS_SLAVE});
    EXPECT_TRUE(bind.recursive_propagation);

    const MountOptions tmpfs = parse_mount_options("tmpfs", {"size=64m", "mode=1777", "noexec"});
    ASSERT_EQ(tmpfs.data.size(), 2u);
    EXPECT_EQ(tmpfs.data[0], (step::FilesystemOption{"size", "64m"}));
    EXPECT_EQ(tmpfs.set, std::uint64_t{MOUNT_ATTR_NOEXEC});
}

TEST(MountOptions, LaterWordWins) {
    const MountOptions options = parse_mount_options("bind", {"bind", "ro", "rw"});
    EXPECT_EQ(options.set, 0u);
    EXPECT_EQ(options.clear, std::uint64_t{MOUNT_ATTR_RDONLY});
}

TEST(MountOptions, RecursiveWordsGoToTheWholeTree) {
    const MountOptions options = parse_mount_options("bind", {"rbind", "rro", "rnodev"});
    EXPECT_EQ(options.recursive_set, std::uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV});
    EXPECT_EQ(options.set, 0u);
}

TEST(MountOptions, UnknownWordIsRefusedWithTheNearest) {
    try {
        parse_mount_options("tmpfs", {"sise=64m"});
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
        EXPECT_EQ(error.hint(), "did you mean \"size\"?");
    }
    // Data of another type is no more welcome: a bind has no size.
    EXPECT_THROW(parse_mount_options("bind", {"rbind", "size=1g"}), Error);
    EXPECT_THROW(parse_mount_options("proc", {"lowerdir=/etc"}), Error);
}

}  // namespace
}  // namespace stack
