#include "runtime/base/error.hpp"
#include "runtime/image/entry_name.hpp"

#include <gtest/gtest.h>

namespace stack::image {
namespace {

using Kind = EntryName::Kind;

TEST(EntryName, IsReadFromTheLayersRoot) {
    EXPECT_EQ(parse_entry_name("./usr//bin/./sh"), (EntryName{Kind::plain, "usr/bin", "sh"}));
    EXPECT_EQ(parse_entry_name("/etc/passwd"), (EntryName{Kind::plain, "etc", "passwd"}));
    EXPECT_EQ(parse_entry_name("top/"), (EntryName{Kind::plain, "", "top"}));
    EXPECT_EQ(parse_entry_name("./").kind, Kind::root);
    EXPECT_EQ(parse_entry_name("").kind, Kind::root);
    EXPECT_EQ(parse_entry_name("a/..b").name, "..b");
}

TEST(EntryName, NeverLeavesTheLayer) {
    for (const char* name : {"..", "../x", "a/../../x", "a/..", "/../x", "./../x", "a/../b"})
        EXPECT_THROW(parse_entry_name(name), Error) << name;
    EXPECT_THROW(parse_entry_name(std::string_view{"a\0b", 3}), Error);
}

TEST(EntryName, IsBounded) {
    std::string deep;
    for (std::size_t i = 0; i < kMaxEntryDepth; ++i) deep += "d/";
    EXPECT_NO_THROW(parse_entry_name(deep));
    EXPECT_THROW(parse_entry_name(deep + "x"), Error);
    EXPECT_NO_THROW(parse_entry_name(std::string(255, 'n')));
    EXPECT_THROW(parse_entry_name(std::string(256, 'n')), Error);
}

TEST(EntryName, KnowsWhiteouts) {
    EXPECT_EQ(parse_entry_name("a/.wh.b"), (EntryName{Kind::whiteout, "a", "b"}));
    EXPECT_EQ(parse_entry_name("a/.wh..wh..opq").kind, Kind::opaque);
    EXPECT_EQ(parse_entry_name("a/.wh..wh..opq").parent, "a");
    EXPECT_EQ(parse_entry_name(".wh..wh.plnk/1.2").kind, Kind::ignored);
    EXPECT_EQ(parse_entry_name("a/.wh..wh.aufs").kind, Kind::ignored);
}

TEST(EntryName, RefusesWhiteoutsOfWhatCannotExist) {
    for (const char* name : {".wh.", ".wh..", ".wh...", "a/.wh...", ".wh.a/b"})
        EXPECT_THROW(parse_entry_name(name), Error) << name;
}

TEST(EntryName, IsShownWithoutControlCharacters) {
    EXPECT_EQ(shown_name("a\x1b[31m\n'b"), "'a\\x1b[31m\\x0a\\x27b'");
    EXPECT_LT(shown_name(std::string(5000, 'x')).size(), 300u);
}

}  // namespace
}  // namespace stack::image
