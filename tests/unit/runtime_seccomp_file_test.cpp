// Profile files: conditions, and what is wrong with them.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/seccomp_file.hpp"
#include "tests/support/temp_root.hpp"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SeccompFileHost host(std::uint64_t capabilities = 0) {
    return {capabilities, "SCMP_ARCH_X86_64", "6.1.0-13-amd64"};
}

SeccompProfile parse(const std::string& text, const SeccompFileHost& on = host()) {
    return parse_seccomp_file(text, "web.json", on);
}

// The names that are left when the conditions are decided.
std::vector<std::string> names(const std::string& rules, const SeccompFileHost& on = host()) {
    std::vector<std::string> result;
    for (const SeccompRule& rule :
         parse(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [)" + rules + "]}", on).syscalls)
        result.insert(result.end(), rule.names.begin(), rule.names.end());
    return result;
}

std::string rule(const char* name, const std::string& conditions) {
    return fmt::format(R"({{"names": ["{}"], "action": "SCMP_ACT_ALLOW", {}}})", name, conditions);
}

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(parse(text));
        return "accepted";
    } catch (const Error& error) {
        return fmt::format("{} {}", error.position().value_or(SourcePosition{}).text(), error.what());
    }
}

TEST(SeccompFile, EveryFieldArrives) {
    const SeccompProfile profile = parse(R"({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "archMap": [{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
                    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "listenerPath": "/run/agent.sock", "listenerMetadata": "m",
        "syscalls": [
            {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "args": null, "comment": "x", "includes": {}},
            {"name": "mkdir", "action": "SCMP_ACT_ERRNO", "errnoRet": 13,
             "args": [{"index": 1, "value": 18446744073709551615, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}]}]})");
    EXPECT_EQ(profile.default_action, "SCMP_ACT_ERRNO");
    EXPECT_EQ(profile.default_errno_ret, 38u);
    EXPECT_THAT(profile.architectures, ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"));
    EXPECT_THAT(profile.flags, ElementsAre("SECCOMP_FILTER_FLAG_LOG"));
    EXPECT_EQ(profile.listener_path, "/run/agent.sock");
    EXPECT_EQ(profile.listener_metadata, "m");
    ASSERT_EQ(profile.syscalls.size(), 2u);
    EXPECT_EQ(profile.syscalls[0], (SeccompRule{{"read", "write"}, "SCMP_ACT_ALLOW", std::nullopt, {}}));
    EXPECT_EQ(profile.syscalls[1],
              (SeccompRule{{"mkdir"}, "SCMP_ACT_ERRNO", 13, {{1, UINT64_MAX, 2, "SCMP_CMP_MASKED_EQ"}}}));
}

TEST(SeccompFile, ConditionsOnCapabilities) {
    const std::uint64_t admin = capability_mask({"CAP_SYS_ADMIN"}, 40);
    const std::string rules = rule("mount", R"("includes": {"caps": ["CAP_SYS_ADMIN"]})") + "," +
                              rule("bpf", R"("includes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]})") + "," +
                              rule("clone", R"("excludes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]})") + "," +
                              rule("later", R"("includes": {"caps": ["CAP_OF_THE_FUTURE"]})");
    EXPECT_THAT(names(rules), ElementsAre("clone"));
    EXPECT_THAT(names(rules, host(admin)), ElementsAre("mount"));
    EXPECT_THAT(names(rules, host(admin | capability_mask({"CAP_BPF"}, 40))), ElementsAre("mount", "bpf"));
}

TEST(SeccompFile, ConditionsOnArchitecturesAndKernels) {
    const std::string rules = rule("arch_prctl", R"("includes": {"arches": ["arm", "amd64"]})") + "," +
                              rule("set_tls", R"("includes": {"arches": ["arm"]})") + "," +
                              rule("clone", R"("excludes": {"arches": ["s390", "s390x"]})") + "," +
                              rule("ptrace", R"("includes": {"minKernel": "4.8"})") + "," +
                              rule("young", R"("includes": {"minKernel": "6.12"})") + "," +
                              rule("old", R"("excludes": {"minKernel": "6.1"})");
    EXPECT_THAT(names(rules), ElementsAre("arch_prctl", "clone", "ptrace"));
}

TEST(SeccompFile, SyntaxErrorsHaveLineAndColumn) {
    EXPECT_THAT(refusal("{\n  \"defaultAction\": x\n}"),
                HasSubstr("web.json:2:20 the seccomp profile is not valid JSON"));
    EXPECT_THAT(refusal(""), HasSubstr("web.json:1:1"));
    EXPECT_THAT(refusal("{\"defaultAction\": 1e999}"), HasSubstr("not valid JSON"));
    EXPECT_THAT(refusal(std::string(100'000, '[')), HasSubstr("not valid JSON"));
}

TEST(SeccompFile, WhatIsNoProfileIsNamedByItsPlace) {
    const auto with = [](const std::string& rule_text) {
        return refusal(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action":
            "SCMP_ACT_LOG"}, )" +
                       rule_text + "]}");
    };
    EXPECT_THAT(refusal("[]"), HasSubstr("web.json reading the seccomp profile: it is no JSON object"));
    EXPECT_THAT(refusal("{}"), HasSubstr("no default action \"\""));
    EXPECT_THAT(refusal(R"({"defaultAction": 1})"), HasSubstr("field 'defaultAction' is not a string"));
    EXPECT_THAT(
        refusal(
            R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "archMap": [{}]})"),
        HasSubstr("both 'architectures' and 'archMap'"));
    EXPECT_THAT(with("7"), HasSubstr("syscalls[1]: an entry of 'syscalls' is no object"));
    EXPECT_THAT(with(R"({"action": "SCMP_ACT_LOG"})"), HasSubstr("syscalls[1]: it names no system call"));
    EXPECT_THAT(with(R"({"name": "read", "names": ["read"], "action": "SCMP_ACT_LOG"})"),
                HasSubstr("both 'name' and 'names'"));
    EXPECT_THAT(with(R"({"names": ["read"], "action": "LOG"})"), HasSubstr("no action \"LOG\""));
    EXPECT_THAT(with(R"({"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{"index": 6}]})"),
                HasSubstr("field 'index' is no whole number of 0 to 5"));
    EXPECT_THAT(with(R"({"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{"value": -1}]})"),
                HasSubstr("field 'value' is no whole number"));
    EXPECT_THAT(with(R"({"names": ["read"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "six"}})"),
                HasSubstr("\"six\" is no kernel version"));
}

TEST(SeccompFile, OnlyARegularFileOfBoundedSizeIsRead) {
    const test::TempDir dir;
    const auto read = [&](const std::string& path) {
        try {
            static_cast<void>(read_seccomp_file(path, host()));
            return std::string{"accepted"};
        } catch (const Error& error) {
            return std::string{error.what()};
        }
    };
    EXPECT_THAT(read(dir.file("missing")), HasSubstr("No such file"));
    ASSERT_EQ(::mkfifo(dir.file("fifo").c_str(), 0600), 0);
    EXPECT_THAT(read(dir.file("fifo")), HasSubstr("is no regular file"));
    EXPECT_THAT(read("/dev/zero"), HasSubstr("is no regular file"));
    std::ofstream{dir.file("large")} << std::string((4u << 20) + 1, ' ');
    EXPECT_THAT(read(dir.file("large")), testing::Not("accepted"));
    std::ofstream{dir.file("good")} << R"({"defaultAction": "SCMP_ACT_ALLOW"})";
    EXPECT_EQ(read(dir.file("good")), "accepted");
}

}  // namespace
}  // namespace stack
