#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/temp_root.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include <gtest/gtest.h>

namespace stack {
namespace {

/// A chain of `levels` folders below `path`, each with a file in it: longer than any path, deeper than descriptors reach.
void make_deep_tree(const std::string& path, int levels) {
    ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
    UniqueFd at = open_directory(path);
    for (int level = 0; level < levels; ++level) {
        const UniqueFd file{::openat(at.get(), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
        ASSERT_TRUE(file.valid());
        ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
        at = UniqueFd{::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        ASSERT_TRUE(at.valid());
    }
}

TEST(RemoveTree, ReachesAnyDepth) {
    const test::TempDir temp;
    const std::string path = temp.file("tree");
    make_deep_tree(path, 5000);
    remove_tree(path);
    EXPECT_FALSE(path_exists(path));
}

TEST(RemoveTree, LeavesWhatALinkPointsAtAlone) {
    const test::TempDir temp;
    const std::string kept = temp.write("kept/file", "x"), tree = temp.file("tree");
    ASSERT_EQ(::mkdir(tree.c_str(), 0700), 0);
    ASSERT_EQ(::symlink(temp.file("kept").c_str(), (tree + "/link").c_str()), 0);
    remove_tree(tree);
    EXPECT_FALSE(path_exists(tree));
    EXPECT_TRUE(path_exists(kept));
    remove_tree(tree);  // missing is fine
}

}  // namespace
}  // namespace stack
