// Profiles of others (linux.seccomp), judged by running what they compile to.
#include "runtime/base/error.hpp"
#include "runtime/seccomp_program.hpp"
#include "tests/unit/seccomp_judge.hpp"

#include <errno.h>
#include <seccomp.h>

#include <string>

#include <gmock/gmock.h>

namespace stack {
namespace {

using test::run_filter;
using testing::HasSubstr;

SeccompProfile profile(std::string default_action) {
    SeccompProfile result;
    result.default_action = std::move(default_action);
    return result;
}
SeccompRule rule(std::vector<std::string> names, std::string action,
                 std::vector<SeccompArgument> arguments = {}) {
    return {std::move(names), std::move(action), std::nullopt, std::move(arguments)};
}

std::uint32_t judge_number(const SeccompProfile& profile, int number, std::uint64_t arg0 = 0,
                           std::uint64_t arg1 = 0, std::uint32_t architecture = seccomp_arch_native()) {
    seccomp_data data{};
    data.nr = number;
    data.arch = architecture;
    data.args[0] = arg0;
    data.args[1] = arg1;
    return run_filter(compile_profile(profile).code, data);
}
std::uint32_t judge(const SeccompProfile& profile, const char* name, std::uint64_t arg0 = 0,
                    std::uint64_t arg1 = 0) {
    return judge_number(profile, seccomp_syscall_resolve_name(name), arg0, arg1);
}

std::string refusal(const SeccompProfile& profile) {
    try {
        static_cast<void>(compile_profile(profile));
        return "accepted";
    } catch (const Error& error) {
        return std::string{error.what()} + " | " + error.hint();
    }
}

TEST(SeccompProfile, EveryActionIsTheKernelsOwn) {
    const std::pair<const char*, std::uint32_t> actions[] = {
        {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
        {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO | EPERM},
        {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE | EPERM},
        {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
        {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF}};
    for (const auto& [name, value] : actions) {
        SeccompProfile wanted = profile("SCMP_ACT_ALLOW");
        wanted.syscalls = {rule({"getcwd"}, name)};
        EXPECT_EQ(judge(wanted, "getcwd"), value) << name;
        EXPECT_EQ(judge(wanted, "read"), SECCOMP_RET_ALLOW) << name;
        EXPECT_EQ(compile_profile(wanted).notifies, name == std::string{"SCMP_ACT_NOTIFY"});
        EXPECT_EQ(judge(profile(name), "read"), value) << name;
    }
}

TEST(SeccompProfile, ErrnosAreTakenFromTheRuleAndTheDefault) {
    SeccompProfile wanted = profile("SCMP_ACT_ERRNO");
    wanted.default_errno_ret = EACCES;
    wanted.syscalls = {rule({"getcwd"}, "SCMP_ACT_ERRNO"), rule({"read", "write"}, "SCMP_ACT_ALLOW")};
    wanted.syscalls[0].errno_ret = ENOTTY;
    EXPECT_EQ(judge(wanted, "getcwd"), SECCOMP_RET_ERRNO | ENOTTY);
    EXPECT_EQ(judge(wanted, "close"), SECCOMP_RET_ERRNO | EACCES);
    EXPECT_EQ(judge(wanted, "write"), SECCOMP_RET_ALLOW);
}

TEST(SeccompProfile, EveryOperatorCompares64Bits) {
    constexpr std::uint64_t kBig = 0x100000005;
    struct Row {
        const char* op;
        std::uint64_t yes, no;
    };
    for (const Row& row : {Row{"SCMP_CMP_EQ", kBig, 5}, Row{"SCMP_CMP_NE", 5, kBig},
                           Row{"SCMP_CMP_LT", 5, kBig}, Row{"SCMP_CMP_LE", kBig, kBig + 1},
                           Row{"SCMP_CMP_GE", kBig, 6}, Row{"SCMP_CMP_GT", kBig + 1, kBig}}) {
        SeccompProfile wanted = profile("SCMP_ACT_ERRNO");
        wanted.syscalls = {rule({"kill"}, "SCMP_ACT_ALLOW", {{1, kBig, 0, row.op}})};
        EXPECT_EQ(judge(wanted, "kill", 0, row.yes), SECCOMP_RET_ALLOW) << row.op;
        EXPECT_EQ(judge(wanted, "kill", 0, row.no), SECCOMP_RET_ERRNO | EPERM) << row.op;
    }
    SeccompProfile masked = profile("SCMP_ACT_ERRNO");
    masked.syscalls = {rule({"kill"}, "SCMP_ACT_ALLOW", {{1, 0xf0, 0x20, "SCMP_CMP_MASKED_EQ"}})};
    EXPECT_EQ(judge(masked, "kill", 0, 0x12f), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge(masked, "kill", 0, 0x130), SECCOMP_RET_ERRNO | EPERM);
}

TEST(SeccompProfile, ConditionsOnDifferentArgumentsMustAllHoldOnOneArgumentAnyOfThem) {
    SeccompProfile wanted = profile("SCMP_ACT_ERRNO");
    wanted.syscalls = {
        rule({"kill"}, "SCMP_ACT_ALLOW", {{0, 1, 0, "SCMP_CMP_EQ"}, {1, 2, 0, "SCMP_CMP_EQ"}}),
        rule({"tkill"}, "SCMP_ACT_ALLOW", {{0, 1, 0, "SCMP_CMP_EQ"}, {0, 2, 0, "SCMP_CMP_EQ"}})};
    EXPECT_EQ(judge(wanted, "kill", 1, 2), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge(wanted, "kill", 1, 3), SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(judge(wanted, "tkill", 1), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge(wanted, "tkill", 2), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge(wanted, "tkill", 3), SECCOMP_RET_ERRNO | EPERM);
}

TEST(SeccompProfile, SeveralRulesForOneNameAddUp) {
    SeccompProfile wanted = profile("SCMP_ACT_ERRNO");
    wanted.syscalls = {rule({"personality"}, "SCMP_ACT_ALLOW", {{0, 0, 0, "SCMP_CMP_EQ"}}),
                       rule({"personality"}, "SCMP_ACT_ALLOW", {{0, 8, 0, "SCMP_CMP_EQ"}}),
                       rule({"read", "read"}, "SCMP_ACT_ALLOW"), rule({"read"}, "SCMP_ACT_ALLOW"),
                       rule({"write"}, "SCMP_ACT_ERRNO")};
    EXPECT_EQ(judge(wanted, "personality", 0), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge(wanted, "personality", 8), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge(wanted, "personality", 9), SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(judge(wanted, "read"), SECCOMP_RET_ALLOW);
}

TEST(SeccompProfile, NamesOfOtherKernelsAreLeftOut) {
    SeccompProfile wanted = profile("SCMP_ACT_ERRNO");
    wanted.syscalls = {rule({"no_such_call_yet", "read", "s390_runtime_instr"}, "SCMP_ACT_ALLOW")};
    EXPECT_EQ(judge(wanted, "read"), SECCOMP_RET_ALLOW);
}

TEST(SeccompProfile, CallsYoungerThanTheProfileAreAbsentWhereTheDefaultIsARefusal) {
    SeccompProfile wanted = profile("SCMP_ACT_ERRNO");
    wanted.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
    wanted.syscalls = {rule({"read", "openat2"}, "SCMP_ACT_ALLOW")};
    const int openat2 = 437;
    EXPECT_EQ(judge_number(wanted, openat2), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge_number(wanted, openat2 - 1), SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(judge_number(wanted, openat2 + 1), SECCOMP_RET_ERRNO | ENOSYS);
    wanted.default_action = "SCMP_ACT_KILL_PROCESS";
    EXPECT_EQ(judge_number(wanted, openat2 + 1), SECCOMP_RET_ERRNO | ENOSYS);
    EXPECT_EQ(judge_number(wanted, openat2 - 1), SECCOMP_RET_KILL_PROCESS);
    wanted.default_action = "SCMP_ACT_LOG";
    EXPECT_EQ(judge_number(wanted, openat2 + 1), SECCOMP_RET_LOG);
}

TEST(SeccompProfile, KnowsCallsThatLibseccompDoesNot) {
    SeccompProfile wanted = profile("SCMP_ACT_ERRNO");
    wanted.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
    wanted.syscalls = {rule({"read", "mseal"}, "SCMP_ACT_ALLOW"), rule({"listmount"}, "SCMP_ACT_LOG")};
    EXPECT_EQ(judge_number(wanted, 462), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge_number(wanted, 458), SECCOMP_RET_LOG);
    EXPECT_EQ(judge_number(wanted, 457), SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(judge_number(wanted, 463), SECCOMP_RET_ERRNO | ENOSYS);
    EXPECT_EQ(judge(wanted, "read"), SECCOMP_RET_ALLOW);
}

TEST(SeccompProfile, WhatItCantDenyByArgumentsIsRefused) {
    const std::vector<SeccompArgument> condition{{0, 0, 0, "SCMP_CMP_EQ"}};
    SeccompProfile wanted = profile("SCMP_ACT_ALLOW");
    wanted.syscalls = {rule({"mseal"}, "SCMP_ACT_ERRNO", condition)};
    EXPECT_THAT(refusal(wanted), HasSubstr("mseal can't be ruled by its arguments"));
    wanted = profile("SCMP_ACT_ERRNO");
    wanted.syscalls = {rule({"mseal"}, "SCMP_ACT_ALLOW", condition)};
    EXPECT_EQ(judge_number(wanted, 462), SECCOMP_RET_ERRNO | EPERM);
}

#if defined(__x86_64__)
TEST(SeccompProfile, EachArchitectureHasItsNumbers) {
    SeccompProfile wanted = profile("SCMP_ACT_ALLOW");
    wanted.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X32"};
    wanted.syscalls = {rule({"mount", "stime"}, "SCMP_ACT_ERRNO")};
    EXPECT_EQ(judge(wanted, "mount"), SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(judge_number(wanted, 21, 0, 0, SCMP_ARCH_X86), SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(judge_number(wanted, 25, 0, 0, SCMP_ARCH_X86), SECCOMP_RET_ERRNO | EPERM);  // stime, i386 only
    EXPECT_EQ(judge_number(wanted, 25), SECCOMP_RET_ALLOW);                               // mremap
    EXPECT_EQ(judge_number(wanted, 0x40000000 + 165), SECCOMP_RET_ERRNO | EPERM);
    EXPECT_EQ(judge_number(wanted, 0x40000000), SECCOMP_RET_ALLOW);
    EXPECT_EQ(judge_number(wanted, 0, 0, 0, SCMP_ARCH_AARCH64), SECCOMP_RET_KILL_THREAD);
}
#endif

TEST(SeccompProfile, FlagsAreTheKernelsOwn) {
    SeccompProfile wanted = profile("SCMP_ACT_ALLOW");
    wanted.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
    EXPECT_EQ(compile_profile(wanted).flags, 7u);
    wanted.flags = {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
    EXPECT_THAT(refusal(wanted), HasSubstr("is for profiles with SCMP_ACT_NOTIFY"));
    wanted.syscalls = {rule({"mkdir"}, "SCMP_ACT_NOTIFY")};
    EXPECT_EQ(compile_profile(wanted).flags, 32u);
}

TEST(SeccompProfile, WordsAndValuesThatDoNotExistAreNamed) {
    EXPECT_THAT(refusal(profile("SCMP_ACT_ALOW")),
                HasSubstr("no default action \"SCMP_ACT_ALOW\" | did you mean SCMP_ACT_ALLOW?"));
    EXPECT_THAT(refusal(profile("")), HasSubstr("no default action \"\""));
    SeccompProfile wanted = profile("SCMP_ACT_ALLOW");
    wanted.syscalls = {rule({"read"}, "SCMP_ACT_ERNO")};
    EXPECT_THAT(refusal(wanted), HasSubstr("did you mean SCMP_ACT_ERRNO?"));
    wanted.syscalls = {rule({"read"}, "SCMP_ACT_ERRNO", {{0, 0, 0, "EQ"}})};
    EXPECT_THAT(refusal(wanted), HasSubstr("no operator \"EQ\""));
    wanted.syscalls = {rule({"read"}, "SCMP_ACT_ERRNO", {{6, 0, 0, "SCMP_CMP_EQ"}})};
    EXPECT_THAT(refusal(wanted), HasSubstr("no argument 6"));
    wanted.syscalls = {rule({"read"}, "SCMP_ACT_ERRNO")};
    wanted.syscalls[0].errno_ret = 5000;
    EXPECT_THAT(refusal(wanted), HasSubstr("5000 is no errno"));
    wanted.syscalls = {rule({"read"}, "SCMP_ACT_KILL")};
    wanted.syscalls[0].errno_ret = 1;
    EXPECT_THAT(refusal(wanted), HasSubstr("SCMP_ACT_KILL takes no errno"));
    wanted = profile("SCMP_ACT_ALLOW");
    wanted.architectures = {"SCMP_ARCH_VAX"};
    EXPECT_THAT(refusal(wanted), HasSubstr("no architecture \"SCMP_ARCH_VAX\""));
    wanted = profile("SCMP_ACT_ALLOW");
    wanted.flags = {"SECCOMP_FILTER_FLAG_NEW_LISTENER"};
    EXPECT_THAT(refusal(wanted), HasSubstr("no flag \"SECCOMP_FILTER_FLAG_NEW_LISTENER\""));
}

TEST(SeccompProfile, AFilterTooLongForTheKernelIsRefused) {
    SeccompProfile wanted = profile("SCMP_ACT_ERRNO");
    for (std::uint64_t value = 0; value < 4200; ++value)
        wanted.syscalls.push_back(rule({"ioctl"}, "SCMP_ACT_ALLOW", {{1, value * 7, 0, "SCMP_CMP_EQ"}}));
    EXPECT_THAT(refusal(wanted), HasSubstr("the kernel takes 4096"));
}

}  // namespace
}  // namespace stack
