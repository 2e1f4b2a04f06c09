#include "tests/kernel/escape_fixture.hpp"

#include "runtime/base/path_at.hpp"

#include <filesystem>

#include <gmock/gmock.h>

namespace stack::test {

namespace {

constexpr const char* kFlagText = "untouched\n";

void expect_same_file(const std::string& path, const struct stat& before) {
    struct stat now {};
    ASSERT_EQ(::lstat(path.c_str(), &now), 0) << path;
    EXPECT_EQ(now.st_ino, before.st_ino) << path << " is another file";
    EXPECT_EQ(now.st_mode, before.st_mode) << path;
    EXPECT_EQ(now.st_uid, before.st_uid) << path;
    EXPECT_EQ(now.st_gid, before.st_gid) << path;
    EXPECT_EQ(now.st_rdev, before.st_rdev) << path;
}

}  // namespace

void EscapeTest::SetUp() {
    RuntimeTest::SetUp();
    if (IsSkipped()) return;
    canary_ = dir().file("canary");
    std::filesystem::create_directory(canary_);
    dir().write("canary/flag", kFlagText, 0640);
    ASSERT_EQ(::lstat(flag().c_str(), &flag_before_), 0);
    ASSERT_EQ(::lstat("/dev/null", &null_before_), 0);
}

void EscapeTest::TearDown() {
    if (!canary_.empty()) {
        EXPECT_THAT(list_directory(canary_), testing::ElementsAre("flag"));
        EXPECT_EQ(read_file(flag()), kFlagText);
        expect_same_file(flag(), flag_before_);
        expect_same_file("/dev/null", null_before_);
    }
    RuntimeTest::TearDown();
}

ProcessSpec EscapeTest::process(std::vector<std::string> args) {
    ProcessSpec result = spec({"true"}).process;
    result.args = std::move(args);
    return result;
}

}  // namespace stack::test
