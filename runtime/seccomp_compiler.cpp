// From decisions by name to a classic BPF program (seccomp(2), Documentation/userspace-api/seccomp_filter.rst):
// architecture, then a search tree over runs of numbers with the same decision, then its return or argument check.
// Arguments are compared by their low 32 bits where the kernel's own parameter has 32: comparing all 64 would let a
// caller pass the filter with junk in the high half (CVE-2019-10063).
#include "runtime/base/error.hpp"
#include "runtime/seccomp.hpp"
#include "runtime/seccomp_words.hpp"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <cstddef>
#include <optional>
#include <utility>

namespace stack {

namespace {

using Code = std::vector<BpfInstruction>;

constexpr std::uint32_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint32_t kTiocsti = 0x5412, kTioclinux = 0x541C;
constexpr std::uint32_t kArchOffset = offsetof(seccomp_data, arch),
                        kNumberOffset = offsetof(seccomp_data, nr);

constexpr std::uint32_t low_half_of_argument(std::size_t index) {
    const std::size_t offset = offsetof(seccomp_data, args) + index * sizeof(std::uint64_t);
    return static_cast<std::uint32_t>(offset + (std::endian::native == std::endian::big ? 4 : 0));
}

BpfInstruction load(std::uint32_t offset) {
    return {BPF_LD | BPF_W | BPF_ABS, 0, 0, offset};
}
BpfInstruction jump(std::uint16_t test, std::uint32_t value, std::size_t yes, std::size_t no) {
    return {static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), static_cast<std::uint8_t>(yes),
            static_cast<std::uint8_t>(no), value};
}
BpfInstruction jump_always(std::size_t distance) {
    return {BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(distance)};
}
BpfInstruction return_value(std::uint32_t value) {
    return {BPF_RET | BPF_K, 0, 0, value};
}
BpfInstruction return_allow() {
    return return_value(SECCOMP_RET_ALLOW);
}
BpfInstruction return_errno(int error) {
    return return_value(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
}

// Allow unless (or only if) the argument is one of `values`.
Code argument_is_one_of(std::size_t argument, const std::vector<std::uint32_t>& values, bool allowed) {
    Code code{load(low_half_of_argument(argument))};
    for (std::size_t i = 0; i < values.size(); ++i)
        code.push_back(jump(BPF_JEQ, values[i], values.size() - i, 0));
    code.push_back(allowed ? return_errno(EPERM) : return_allow());
    code.push_back(allowed ? return_allow() : return_errno(EPERM));
    return code;
}
Code argument_lacks_bits(std::size_t argument, std::uint32_t bits) {
    return {load(low_half_of_argument(argument)), jump(BPF_JSET, bits, 1, 0), return_allow(),
            return_errno(EPERM)};
}

Code leaf(SyscallDecision decision) {
    switch (decision) {
        case SyscallDecision::deny:
            return {return_errno(EPERM)};
        case SyscallDecision::absent:
            return {return_errno(ENOSYS)};
        case SyscallDecision::allow:
            return {return_allow()};
        case SyscallDecision::clone_without_namespaces: {
#if defined(__s390__)
            constexpr std::size_t kFlagsArgument = 1;
#else
            constexpr std::size_t kFlagsArgument = 0;
#endif
            return argument_lacks_bits(kFlagsArgument, kNamespaceFlags);
        }
        case SyscallDecision::unshare_without_namespaces:
            return argument_lacks_bits(0, kNamespaceFlags | CLONE_NEWTIME);
        case SyscallDecision::usual_personality:
            return argument_is_one_of(0, {0x0, 0x8, 0x20000, 0x20008, 0xffffffff}, true);
        case SyscallDecision::ioctl_without_tty_injection:
            return argument_is_one_of(1, {kTiocsti, kTioclinux}, false);
        case SyscallDecision::socket_without_vsock:
            return argument_is_one_of(0, {AF_VSOCK}, false);
    }
    return {return_errno(EPERM)};
}

struct Run {
    std::uint32_t first = 0;
    SyscallDecision decision{};
};

// Numbers that no call of the profile has are ENOSYS, between known ones too.
std::vector<Run> runs_of(const std::map<std::string, SyscallDecision>& profile, std::uint32_t arch) {
    std::map<std::uint32_t, SyscallDecision> numbers;
    for (const auto& [name, decision] : profile)
        if (const std::optional<int> number = syscall_number(arch, name))
            numbers[static_cast<std::uint32_t>(*number)] = decision;
    std::vector<Run> runs;
    const auto from = [&runs](std::uint32_t first, SyscallDecision decision) {
        if (runs.empty() || runs.back().decision != decision) runs.push_back({first, decision});
    };
    std::uint32_t next = 0;
    for (const auto& [number, decision] : numbers) {
        if (number != next) from(next, SyscallDecision::absent);
        from(number, decision);
        next = number + 1;
    }
    from(next, SyscallDecision::absent);
    return runs;
}

// A decision that takes no look at arguments is one instruction, and the same for every run that has it.
bool is_plain(SyscallDecision decision) {
    return leaf(decision).size() == 1;
}

// The kernel translates each instruction and then tries the filter on every number it knows, at each installation: so plain
// returns exist once, behind the tree, and wide runs lie near its root.
class SearchTree {
  public:
    explicit SearchTree(const std::vector<Run>& runs) : runs_{runs} {
        emit(0, runs.size());
        for (const SyscallDecision decision :
             {SyscallDecision::allow, SyscallDecision::deny, SyscallDecision::absent})
            place(decision);
    }
    Code take() { return std::move(code_); }

  private:
    struct Exit {
        std::size_t instruction;
        bool on_true;
        SyscallDecision decision;
    };

    void emit(std::size_t begin, std::size_t end) {
        if (begin + 1 == end) {
            const Code code = leaf(runs_[begin].decision);
            code_.insert(code_.end(), code.begin(), code.end());
            return;
        }
        const std::size_t middle = split_point(begin, end), at = code_.size();
        code_.push_back(jump(BPF_JGE, runs_[middle].first, 0, 0));
        branch(at, false, begin, middle);
        branch(at, true, middle, end);
    }

    void branch(std::size_t at, bool on_true, std::size_t begin, std::size_t end) {
        if (begin + 1 == end && is_plain(runs_[begin].decision)) {
            exits_.push_back({at, on_true, runs_[begin].decision});
            return;
        }
        aim(at, on_true);
        emit(begin, end);
    }

    void place(SyscallDecision decision) {
        bool used = false;
        for (const Exit& exit : exits_) {
            if (exit.decision != decision) continue;
            aim(exit.instruction, exit.on_true);
            used = true;
        }
        if (used) code_.push_back(leaf(decision).front());
    }

    // At what comes next.
    void aim(std::size_t instruction, bool on_true) {
        const std::size_t distance = code_.size() - instruction - 1;
        if (distance > 255) throw Error{ErrorKind::internal, "a jump in the seccomp filter is too long"};
        BpfInstruction& jump = code_[instruction];
        (on_true ? jump.jump_true : jump.jump_false) = static_cast<std::uint8_t>(distance);
    }

    // Halves the numbers rather than the runs.
    [[nodiscard]] std::size_t split_point(std::size_t begin, std::size_t end) const {
        const auto width = [&](std::size_t i) {
            return i + 1 < runs_.size() ? runs_[i + 1].first - runs_[i].first : 1;
        };
        std::size_t total = 0, below = 0;
        for (std::size_t i = begin; i < end; ++i) total += width(i);
        std::size_t middle = begin;
        while (middle + 1 < end && 2 * (below + width(middle)) <= total) below += width(middle++);
        // Whichever side of the run in the middle is the more even one.
        if (middle == begin || (middle + 1 < end && total - 2 * below > 2 * (below + width(middle)) - total))
            ++middle;
        return middle;
    }

    const std::vector<Run>& runs_;
    std::vector<Exit> exits_;
    Code code_;
};

std::vector<std::uint32_t> architectures() {
    const std::uint32_t native = ::seccomp_arch_native();
    switch (native) {
        case SCMP_ARCH_X86_64:
            return {native, SCMP_ARCH_X86};
        case SCMP_ARCH_AARCH64:
            return {native, SCMP_ARCH_ARM};
        default:
            return {native};
    }
}

}  // namespace

std::vector<BpfInstruction> compile_filter(const std::map<std::string, SyscallDecision>& profile) {
    Code program{load(kArchOffset)};
    for (const std::uint32_t arch : architectures()) {
        // x32 calls carry bit 30 in their number and so are beyond the last known one: ENOSYS.
        const std::vector<Run> runs = runs_of(profile, arch);
        Code body{load(kNumberOffset)};
        const Code tree = SearchTree{runs}.take();
        body.insert(body.end(), tree.begin(), tree.end());
        program.push_back(jump(BPF_JEQ, arch, 1, 0));
        program.push_back(jump_always(body.size()));
        program.insert(program.end(), body.begin(), body.end());
    }
    program.push_back(return_errno(ENOSYS));
    if (program.size() > BPF_MAXINSNS) throw Error{ErrorKind::internal, "seccomp filter is too long"};
    return program;
}

}  // namespace stack
