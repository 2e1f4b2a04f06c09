// schemas/seccomp-default.json is the default profile in the format of profile files. It is written from the code
// (STACK_UPDATE_GOLDEN=1), and both give every call the same answer.
#include "runtime/base/path_at.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/seccomp.hpp"
#include "runtime/seccomp_file.hpp"
#include "runtime/seccomp_program.hpp"
#include "runtime/seccomp_words.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/seccomp_judge.hpp"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack {
namespace {

using json = nlohmann::ordered_json;
using Names = std::set<std::string>;

constexpr std::uint64_t kLowHalf = 0xffffffff;
constexpr std::uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

std::uint64_t bit(const std::string& capability) {
    return std::uint64_t{1} << capability_number(capability).value();
}

json rule(const Names& names, const char* action) {
    json entry{{"names", names}, {"action", action}};
    if (action == std::string{"SCMP_ACT_ERRNO"}) entry["errnoRet"] = EPERM;
    return entry;
}

json masked_rule(const char* action, const char* name, unsigned index, std::uint64_t mask,
                 std::uint64_t value) {
    json entry = rule({name}, action);
    entry["args"] =
        json::array({{{"index", index}, {"value", mask}, {"valueTwo", value}, {"op", "SCMP_CMP_MASKED_EQ"}}});
    return entry;
}

// "The low half is none of `values`" in a language that has only equality under a mask: a walk down the tree of bits, most
// significant first but `last_bits` last, with one rule for each branch on which none of the values lies.
void add_rules_for_others(json& rules, const char* action, const char* name, unsigned index,
                          const std::vector<std::uint64_t>& values, std::uint64_t last_bits = 0) {
    std::vector<std::uint64_t> bits;
    for (int at = 31; at >= 0; --at) bits.push_back(std::uint64_t{1} << at);
    std::stable_partition(bits.begin(), bits.end(),
                          [&](std::uint64_t one) { return (one & last_bits) == 0; });
    std::set<std::uint64_t> prefixes{0};
    std::uint64_t mask = 0;
    for (const std::uint64_t one : bits) {
        mask |= one;
        std::set<std::uint64_t> taken;
        for (const std::uint64_t value : values) taken.insert(value & mask);
        for (const std::uint64_t prefix : prefixes)
            for (const std::uint64_t branch : {prefix, prefix | one})
                if (taken.count(branch) == 0) rules.push_back(masked_rule(action, name, index, mask, branch));
        prefixes = taken;
    }
}

constexpr const char *kAllow = "SCMP_ACT_ALLOW", *kRefuse = "SCMP_ACT_ERRNO";

json conditional_rules() {
    json rules = json::array();
    const auto comment = [&rules](std::size_t at, const char* text) { rules[at]["comment"] = text; };
    for (const auto& [name, mask] :
         {std::pair{"clone", kNamespaces}, std::pair{"unshare", kNamespaces | CLONE_NEWTIME}}) {
        const std::size_t first = rules.size();
        rules.push_back(masked_rule(kAllow, name, 0, mask, 0));
        comment(first, "no new namespaces without CAP_SYS_ADMIN");
        for (std::uint64_t one = 1; one <= mask; one <<= 1)
            if ((mask & one) != 0) rules.push_back(masked_rule(kRefuse, name, 0, one, one));
        for (std::size_t at = first; at < rules.size(); ++at)
            rules[at]["excludes"]["caps"] = {"CAP_SYS_ADMIN"};
    }
    std::size_t first = rules.size();
    constexpr std::uint64_t kHarmlessBits = 0x20008;  // UNAME26, PER_LINUX32
    rules.push_back(masked_rule(kAllow, "personality", 0, kLowHalf & ~kHarmlessBits, 0));
    rules.push_back(masked_rule(kAllow, "personality", 0, kLowHalf, kLowHalf));
    comment(first, "PER_LINUX, PER_LINUX32, UNAME26, and asking");
    add_rules_for_others(rules, kRefuse, "personality", 0, {0, 0x8, 0x20000, 0x20008, kLowHalf},
                         kHarmlessBits);
    first = rules.size();
    add_rules_for_others(rules, kAllow, "ioctl", 1, {0x5412, 0x541C});
    comment(first, "all but TIOCSTI and TIOCLINUX; the kernel looks at the low half only");
    rules.push_back(masked_rule(kRefuse, "ioctl", 1, kLowHalf, 0x5412));
    rules.push_back(masked_rule(kRefuse, "ioctl", 1, kLowHalf, 0x541C));
    first = rules.size();
    add_rules_for_others(rules, kAllow, "socket", 0, {AF_VSOCK});
    comment(first, "all but AF_VSOCK; the kernel looks at the low half only");
    rules.push_back(masked_rule(kRefuse, "socket", 0, kLowHalf, AF_VSOCK));
    return rules;
}

const Names kConditional{"clone", "unshare", "personality", "ioctl", "socket"};

std::string default_file_text() {
    Names allowed, refused;
    for (const auto& [name, decision] : default_profile(0)) {
        if (decision == SyscallDecision::allow) allowed.insert(name);
        if (decision == SyscallDecision::deny) refused.insert(name);
    }
    // What each capability opens, and for each call who opens it.
    std::map<std::string, Names> opened_by;
    std::map<std::string, std::vector<std::string>> openers;
    const std::map<std::string, SyscallDecision> without = default_profile(0);
    for (const std::string& capability : capability_names()) {
        for (const auto& [name, decision] : default_profile(bit(capability))) {
            if (decision != SyscallDecision::allow || without.at(name) == SyscallDecision::allow) continue;
            opened_by[capability].insert(name);
            openers[name].push_back(capability);
        }
    }
    json rules = json::array({rule(allowed, "SCMP_ACT_ALLOW")});
    for (const auto& [capability, names] : opened_by) {
        rules.push_back(rule(names, "SCMP_ACT_ALLOW"));
        rules.back()["includes"]["caps"] = {capability};
    }
    const json conditional = conditional_rules();
    rules.insert(rules.end(), conditional.begin(), conditional.end());
    std::map<std::vector<std::string>, Names> refused_without;
    for (const auto& [name, capabilities] : openers) {
        if (refused.count(name) == 0 && kConditional.count(name) == 0) continue;  // clone3: ENOSYS
        refused.erase(name);
        if (kConditional.count(name) == 0) refused_without[capabilities].insert(name);
    }
    rules.push_back(rule(refused, "SCMP_ACT_ERRNO"));
    for (const auto& [capabilities, names] : refused_without) {
        rules.push_back(rule(names, "SCMP_ACT_ERRNO"));
        rules.back()["excludes"]["caps"] = capabilities;
    }
    json document;
    document["defaultAction"] = "SCMP_ACT_ERRNO";
    document["defaultErrnoRet"] = ENOSYS;
    document["archMap"] = json::array(
        {{{"architecture", "SCMP_ARCH_X86_64"}, {"subArchitectures", json::array({"SCMP_ARCH_X86"})}},
         {{"architecture", "SCMP_ARCH_AARCH64"}, {"subArchitectures", json::array({"SCMP_ARCH_ARM"})}}});
    document["syscalls"] = rules;
    return document.dump(1, '\t') + "\n";
}

TEST(SeccompDefaultFile, IsWhatTheCodeSays) {
    EXPECT_TRUE(test::matches_golden("../../schemas/seccomp-default.json", default_file_text()));
}

TEST(SeccompDefaultFile, NamesEveryCallThatIsKnown) {
    const std::map<std::string, SyscallDecision> profile = default_profile(0);
    for (const std::uint32_t architecture :
         std::vector<std::uint32_t>{SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_AARCH64, SCMP_ARCH_ARM})
        for (const std::string& name : syscall_names(architecture))
            EXPECT_EQ(profile.count(name), 1u) << name;
}

class SeccompDefaultFileByCapabilities : public ::testing::TestWithParam<std::uint64_t> {};

// Unknown numbers, x32 and foreign architectures are left out: libseccomp kills there.
TEST_P(SeccompDefaultFileByCapabilities, AnswersAsTheBuiltInFilterDoes) {
    const std::string path = test::source_path("schemas/seccomp-default.json");
    const SeccompFilter file = compile_profile(read_seccomp_file(path, seccomp_file_host(GetParam())));
    const std::vector<BpfInstruction>& built_in = default_filter(GetParam());
    EXPECT_EQ(file.flags, 0u);
    EXPECT_FALSE(file.notifies);
    std::vector<std::uint32_t> architectures{seccomp_arch_native()};
    if (seccomp_arch_native() == SCMP_ARCH_X86_64) architectures.push_back(SCMP_ARCH_X86);
    std::vector<std::uint64_t> values{0,       8,        16,      0x20000,    0x20008,
                                      0x40000, AF_VSOCK, AF_INET, 0xffffffff, 0x5412,
                                      0x541c,  0x541d,   0x5413,  0x5418,     kNamespaces};
    for (unsigned at = 0; at < 32; ++at) {
        values.push_back(std::uint64_t{1} << at);
        values.push_back(0x5412 ^ std::uint64_t{1} << at);
        values.push_back(AF_VSOCK ^ std::uint64_t{1} << at);
    }
    for (const std::uint32_t architecture : architectures) {
        for (int number = 0; number < 600; ++number) {
            for (const std::uint64_t value : values) {
                for (const std::uint64_t high : {std::uint64_t{0}, std::uint64_t{1} << 63}) {
                    seccomp_data data{};
                    data.nr = number;
                    data.arch = architecture;
                    data.args[0] = data.args[1] = high | value;
                    ASSERT_EQ(test::run_filter(file.code, data), test::run_filter(built_in, data))
                        << "call " << number << " of " << std::hex << architecture << " with "
                        << data.args[0];
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Sets, SeccompDefaultFileByCapabilities,
                         ::testing::Values(0, capability_mask(default_capabilities(), 40),
                                           bit("CAP_SYS_ADMIN"), bit("CAP_BPF"),
                                           bit("CAP_PERFMON") | bit("CAP_SYS_NICE"), ~std::uint64_t{0}));

}  // namespace
}  // namespace stack
