// Flags as callers of OCI runtimes write them, and ids.
#include "runtime/base/error.hpp"
#include "runtime/mount_options.hpp"
#include "runtime/oci/command_table.hpp"
#include "runtime/oci/container_id.hpp"
#include "runtime/oci/features.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::oci {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

constexpr Flag kFlags[] = {{"bundle", 'b', "DIR", "a folder"}, {"all", 'a', nullptr, "a switch"}};

std::string flags_refusal(const Words& words) {
    try {
        parse_flags(kFlags, words);
        return "accepted";
    } catch (const Error& error) {
        return error.what();
    }
}

TEST(OciFlags, TakesEverySpelling) {
    for (const Words& words : {Words{"--bundle", "x"}, Words{"--bundle=x"}, Words{"-b", "x"}, Words{"-b=x"},
                               Words{"-bundle", "x"}, Words{"--bundle", "y", "--bundle=x"}})
        EXPECT_EQ(parse_flags(kFlags, words).text("bundle"), "x");
    EXPECT_EQ(parse_flags(kFlags, {"-b", "x", "-b=y"}).texts("bundle"), (Words{"x", "y"}));
}

TEST(OciFlags, TakesSwitches) {
    EXPECT_TRUE(parse_flags(kFlags, {"-a"}).on("all"));
    EXPECT_TRUE(parse_flags(kFlags, {"--all=true"}).on("all"));
    EXPECT_FALSE(parse_flags(kFlags, {"--all=false"}).on("all"));
    EXPECT_FALSE(parse_flags(kFlags, {}).on("all"));
    EXPECT_THROW(static_cast<void>(parse_flags(kFlags, {"--all=maybe"}).on("all")), Error);
}

TEST(OciFlags, TakesFlagsAnywhereButNotThoseOfAnotherProgram) {
    EXPECT_THAT(parse_flags(kFlags, {"one", "-a", "two"}).words, ElementsAre("one", "two"));
    EXPECT_THAT(parse_flags(kFlags, {"one", "-9", "-"}).words, ElementsAre("one", "-9", "-"));
    const Arguments exec = parse_flags(kFlags, {"-a", "one", "ls", "-b", "--", "x"}, 1);
    EXPECT_TRUE(exec.on("all"));
    EXPECT_THAT(exec.words, ElementsAre("one", "ls", "-b", "--", "x"));
    EXPECT_THAT(parse_flags(kFlags, {"--", "-a"}).words, ElementsAre("-a"));
}

TEST(OciFlags, RefusesWhatItDoesNotKnow) {
    EXPECT_EQ(flags_refusal({"--bundel", "x"}), "flag provided but not defined: -bundel");
    EXPECT_EQ(flags_refusal({"-z"}), "flag provided but not defined: -z");
    EXPECT_EQ(flags_refusal({"one", "--bundle"}), "flag needs an argument: --bundle");
}

TEST(OciFlags, EveryCommandIsDescribed) {
    const std::string overview = overview_text();
    for (const Command& command : commands()) {
        EXPECT_THAT(overview, HasSubstr(std::string{"   "} + command.name + " "));
        for (const Flag& flag : command.flags)
            EXPECT_THAT(command_text(command), HasSubstr(std::string{"--"} + flag.name));
        ASSERT_NE(command.run, nullptr);
    }
}

TEST(OciIds, AreNoPaths) {
    for (const char* id : {"a", "A-1_2.3+4", "...", "0", "-x"}) EXPECT_NO_THROW(check_container_id(id)) << id;
    for (const char* id : {"", ".", "..", "a/b", "/", "a b", "a\n", "ä", "a:b", "*"})
        EXPECT_THROW(check_container_id(id), Error) << id;
    EXPECT_THROW(check_container_id(std::string(256, 'a')), Error);
}

TEST(OciFeatures, AreThoseOfTheCore) {
    const nlohmann::json features = nlohmann::json::parse(features_document());
    const auto options = features.at("mountOptions").get<Words>();
    for (const char* option : {"ro", "rro", "bind", "rbind", "rslave", "tmpcopyup", "nosymfollow"})
        EXPECT_THAT(options, Contains(option));
    for (const std::string& option : options) {
        const auto taken_by = [&](const char* type) {
            try {
                return parse_mount_options(type, {option}), true;
            } catch (const Error&) {
                return false;
            }
        };
        EXPECT_TRUE(taken_by("tmpfs") || taken_by("bind")) << option;
    }
}

}  // namespace
}  // namespace stack::oci
