// `user:` against an image's account files.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/user.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack {
namespace {

using testing::ElementsAre;

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken:x:abc:0::/:/bin/sh\n"
    "wrap:x:4294967296:0::/:/bin/sh\n"
    "app:x:1000:1001:App:/srv/app:/bin/false\n"
    "app:x:0:0:second entry:/root:/bin/sh\n"
    "12345:x:7:7:a name that looks like a number:/n:/bin/sh\n";
constexpr std::string_view kGroup =
    "root:x:0:\nwheel:x:10:root\napp:x:1001:\nvideo:x:44:other,app\naudio:x:29:app\nbad:x:-1:app\n";

struct Answer {
    UserProblem problem;
    std::uint32_t uid = 0, gid = 0;
    std::vector<std::uint32_t> groups;
    std::string home;
};

Answer resolve(const std::string& user, const std::vector<std::string>& extra = {},
               std::optional<std::string_view> passwd = kPasswd,
               std::optional<std::string_view> group = kGroup) {
    const UserRequest request = parse_user_request(user, extra);
    LineReader passwd_lines{passwd.value_or("")}, group_lines{group.value_or("")};
    ResolvedUser result;
    std::size_t failed = 0;
    const UserProblem problem = resolve_user(request, passwd ? &passwd_lines : nullptr,
                                             group ? &group_lines : nullptr, result, failed);
    return {problem,
            result.uid,
            result.gid,
            {result.groups.begin(), result.groups.begin() + static_cast<long>(result.group_count)},
            result.home.data()};
}

TEST(User, NumberIsAnIdWhateverTheImageCallsItsAccounts) {
    const Answer unknown = resolve("12345");
    EXPECT_EQ(unknown.uid, 12345u);
    EXPECT_EQ(unknown.gid, 0u);
    EXPECT_EQ(unknown.home, "/");
    const Answer grouped = resolve("1000:44", {"29"}, kPasswd, "44:x:0:app\n29:x:0:\n");
    EXPECT_EQ(grouped.gid, 44u);
    EXPECT_THAT(grouped.groups, ElementsAre(44, 29));
}

TEST(User, NameBringsGidGroupsAndHome) {
    const Answer answer = resolve("app");
    EXPECT_EQ(answer.problem, UserProblem::none);
    EXPECT_EQ(answer.uid, 1000u);
    EXPECT_EQ(answer.gid, 1001u);
    EXPECT_THAT(answer.groups, ElementsAre(1001, 44, 29));
    EXPECT_EQ(answer.home, "/srv/app");
}

TEST(User, KnownNumberIsTheUserOfThatNumber) {
    const Answer answer = resolve("1000");
    EXPECT_EQ(answer.gid, 1001u);
    EXPECT_THAT(answer.groups, ElementsAre(1001, 44, 29));
}

TEST(User, UnknownNumberIsTakenAsItIs) {
    const Answer answer = resolve("4242");
    EXPECT_EQ(answer.problem, UserProblem::none);
    EXPECT_EQ(answer.uid, 4242u);
    EXPECT_EQ(answer.gid, 0u);
    EXPECT_THAT(answer.groups, ElementsAre(0));
    EXPECT_EQ(answer.home, "/");
}

TEST(User, ExplicitGroupReplacesTheUsersGroups) {
    const Answer by_name = resolve("app:video");
    EXPECT_EQ(by_name.gid, 44u);
    EXPECT_THAT(by_name.groups, ElementsAre(44));
    EXPECT_EQ(resolve("app:777").gid, 777u);
    EXPECT_EQ(resolve("app:nobody").problem, UserProblem::no_such_group);
}

TEST(User, ExtraGroupsAreAddedByNameOrNumber) {
    EXPECT_THAT(resolve("4242:5", {"video", "31337"}).groups, ElementsAre(44, 5, 31337));
    EXPECT_EQ(resolve("app", {"nosuch"}).problem, UserProblem::no_such_extra_group);
}

TEST(User, UnknownNameIsNotRoot) {
    EXPECT_EQ(resolve("nosuch").problem, UserProblem::no_such_user);
    EXPECT_EQ(resolve("root", {}, std::nullopt, std::nullopt).problem, UserProblem::no_such_user);
}

TEST(User, MalformedEntriesAreNobody) {
    EXPECT_EQ(resolve("broken").problem, UserProblem::no_such_user);
    EXPECT_EQ(resolve("wrap").problem, UserProblem::no_such_user);  // 2^32 must not become 0
    EXPECT_THAT(resolve("0").groups, ElementsAre(0, 10));           // "bad", with gid -1, is passed over
}

TEST(User, MissingFilesLeaveNumbersUsable) {
    const Answer answer = resolve("0:0", {}, std::nullopt, std::nullopt);
    EXPECT_EQ(answer.problem, UserProblem::none);
    EXPECT_EQ(answer.home, "/");
}

TEST(User, NumbersOutOfRangeAndOddTextsAreRefused) {
    for (const char* text :
         {"4294967295", "4294967296", "99999999999", ":0", "0:", "a:b:c", "a b", "root\n", "a,b"})
        EXPECT_THROW(parse_user_request(text, {}), Error) << text;
    EXPECT_EQ(parse_id("4294967294"), 4294967294u);
    for (const char* text : {"-1", "+1", " 1", "1 ", "0x10", "", "1e3"}) EXPECT_FALSE(parse_id(text)) << text;
    // Signs and the like make a name, which no sane file has, never a number (CVE-2026-30892).
    EXPECT_EQ(resolve("-1").problem, UserProblem::no_such_user);
    EXPECT_EQ(resolve("1000x").problem, UserProblem::no_such_user);
}

TEST(User, LineLongerThanTheBufferIsPassedOverWhole) {
    Pipe pipe = make_pipe();
    std::string text = "long:x:0:0:" + std::string(200, 'a') + "root:x:0:0::/evil:/bin/sh\n";
    text += "app:x:1000:1001:App:/srv/app:/bin/false\nlast:x:5:5::/l:/bin/sh";  // no newline at the end
    write_all(pipe.write.get(), text, "pipe");
    pipe.write.reset();
    std::array<char, 64> buffer;
    LineReader reader{pipe.read.get(), buffer.data(), buffer.size()};
    std::string_view line;
    std::vector<std::string> lines;
    while (reader.next(line)) lines.emplace_back(line);
    EXPECT_THAT(lines, ElementsAre("app:x:1000:1001:App:/srv/app:/bin/false", "last:x:5:5::/l:/bin/sh"));
}

TEST(User, HugeFileIsRefusedInsteadOfRead) {
    const UniqueFd zero{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    std::array<char, 4096> buffer;
    LineReader reader{zero.get(), buffer.data(), buffer.size()};
    std::string_view line;
    EXPECT_FALSE(reader.next(line));
    EXPECT_EQ(reader.problem(), UserProblem::file_too_large);
}

TEST(User, MoreGroupsThanTheKernelIsTrustedWithAreRefused) {
    std::string group;
    for (int i = 0; i < 1100; ++i)
        group += "g" + std::to_string(i) + ":x:" + std::to_string(5000 + i) + ":app\n";
    EXPECT_EQ(resolve("app", {}, kPasswd, group).problem, UserProblem::too_many_groups);
}

}  // namespace
}  // namespace stack
