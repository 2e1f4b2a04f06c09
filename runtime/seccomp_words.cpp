#include "runtime/seccomp_words.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <span>

#include <fmt/format.h>

namespace stack {

namespace {

struct NumberedCall {
    std::string_view name;
    int number;
};

// Numbers are the same on every architecture since 5.1; these are younger than the name table of libseccomp 2.5.
constexpr NumberedCall kYoungCalls[] = {
    {"cachestat", 451},         {"fchmodat2", 452},         {"map_shadow_stack", 453}, {"futex_wake", 454},
    {"futex_wait", 455},        {"futex_requeue", 456},     {"statmount", 457},        {"listmount", 458},
    {"lsm_get_self_attr", 459}, {"lsm_set_self_attr", 460}, {"lsm_list_modules", 461}, {"mseal", 462},
    {"setxattrat", 463},        {"getxattrat", 464},        {"listxattrat", 465},      {"removexattrat", 466},
    {"open_tree_attr", 467}};
static_assert(std::end(kYoungCalls)[-1].number == kLastKnownSyscall);

// i386 has these twice: by socketcall(2) and ipc(2), which libseccomp resolves their names to, and directly.
constexpr NumberedCall kDirectCallsOfX86[] = {
    {"accept4", 364},    {"bind", 361},      {"connect", 362},  {"getpeername", 368}, {"getsockname", 367},
    {"getsockopt", 365}, {"listen", 363},    {"msgctl", 402},   {"msgget", 399},      {"msgrcv", 401},
    {"msgsnd", 400},     {"recvfrom", 371},  {"recvmmsg", 337}, {"recvmsg", 372},     {"semctl", 394},
    {"semget", 393},     {"sendmmsg", 345},  {"sendmsg", 370},  {"sendto", 369},      {"setsockopt", 366},
    {"shmat", 397},      {"shmctl", 396},    {"shmdt", 398},    {"shmget", 395},      {"shutdown", 373},
    {"socket", 359},     {"socketpair", 360}};

std::optional<int> number_in(std::span<const NumberedCall> calls, std::string_view name) {
    for (const NumberedCall& call : calls)
        if (name == call.name) return call.number;
    return std::nullopt;
}

constexpr std::uint32_t kWaitKillableRecv = 1U << 5;  // Linux 5.19, younger than the headers of Debian 12

}  // namespace

const std::vector<SeccompWord>& seccomp_actions() {
    static const std::vector<SeccompWord> kWords{{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
                                                 {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
                                                 {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
                                                 {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
                                                 {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
                                                 {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
                                                 {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
                                                 {"SCMP_ACT_LOG", SCMP_ACT_LOG},
                                                 {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY}};
    return kWords;
}

const std::vector<SeccompWord>& seccomp_operators() {
    static const std::vector<SeccompWord> kWords{{"SCMP_CMP_NE", SCMP_CMP_NE},
                                                 {"SCMP_CMP_LT", SCMP_CMP_LT},
                                                 {"SCMP_CMP_LE", SCMP_CMP_LE},
                                                 {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                                 {"SCMP_CMP_GE", SCMP_CMP_GE},
                                                 {"SCMP_CMP_GT", SCMP_CMP_GT},
                                                 {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
    return kWords;
}

const std::vector<SeccompWord>& seccomp_architectures() {
    static const std::vector<SeccompWord> kWords{{"SCMP_ARCH_X86", SCMP_ARCH_X86},
                                                 {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
                                                 {"SCMP_ARCH_X32", SCMP_ARCH_X32},
                                                 {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
                                                 {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
                                                 {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
                                                 {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
                                                 {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
                                                 {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
                                                 {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
                                                 {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
                                                 {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
                                                 {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
                                                 {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
                                                 {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
                                                 {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
                                                 {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
                                                 {"SCMP_ARCH_S390", SCMP_ARCH_S390},
                                                 {"SCMP_ARCH_S390X", SCMP_ARCH_S390X}};
    return kWords;
}

const std::vector<SeccompWord>& seccomp_flags() {
    static const std::vector<SeccompWord> kWords{
        {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
        {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
        {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
        {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", kWaitKillableRecv}};
    return kWords;
}

std::uint32_t seccomp_word(const std::vector<SeccompWord>& words, std::string_view what,
                           std::string_view name) {
    std::vector<std::string> known;
    for (const SeccompWord& word : words) {
        if (word.name == name) return word.value;
        known.emplace_back(word.name);
    }
    Error error{ErrorKind::invalid_input, fmt::format("seccomp: there is no {} \"{}\"", what, name)};
    if (const auto near = nearest(name, known))
        error.with_hint(fmt::format("did you mean {}?", *near));
    else
        error.with_hint(fmt::format("there are {}", fmt::join(known, ", ")));
    throw error;
}

std::optional<int> young_syscall_number(std::string_view name) {
    return number_in(kYoungCalls, name);
}

std::optional<int> syscall_number(std::uint32_t architecture, const std::string& name) {
    const int number = ::seccomp_syscall_resolve_name_arch(architecture, name.c_str());
    if (number >= 0) return number;
    if (number == __NR_SCMP_ERROR) return young_syscall_number(name);
    return architecture == SCMP_ARCH_X86 ? number_in(kDirectCallsOfX86, name) : std::nullopt;
}

std::vector<std::string> syscall_names(std::uint32_t architecture) {
    std::vector<std::string> names;
    for (int number = 0; number <= kLastKnownSyscall; ++number) {
        const std::unique_ptr<char, decltype(&std::free)> name{
            ::seccomp_syscall_resolve_num_arch(architecture, number), &std::free};
        if (name) names.emplace_back(name.get());
    }
    for (const NumberedCall& young : kYoungCalls) names.emplace_back(young.name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

}  // namespace stack
