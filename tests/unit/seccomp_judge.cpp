#include "tests/unit/seccomp_judge.hpp"

#include <errno.h>
#include <linux/filter.h>

#include <cstddef>
#include <cstring>

#include <gtest/gtest.h>

namespace stack::test {

std::uint32_t run_filter(const std::vector<BpfInstruction>& program, const seccomp_data& data) {
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const BpfInstruction& instruction = program[at];
        bool yes = false;
        switch (instruction.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + instruction.value, 4);
                continue;
            case BPF_RET | BPF_K:
                return instruction.value;
            case BPF_JMP | BPF_JA:
                at += instruction.value;
                continue;
            case BPF_JMP | BPF_JEQ | BPF_K:
                yes = accumulator == instruction.value;
                break;
            case BPF_ALU | BPF_AND | BPF_K:
                accumulator &= instruction.value;
                continue;
            case BPF_JMP | BPF_JGT | BPF_K:
                yes = accumulator > instruction.value;
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                yes = accumulator >= instruction.value;
                break;
            case BPF_JMP | BPF_JSET | BPF_K:
                yes = (accumulator & instruction.value) != 0;
                break;
            default:
                ADD_FAILURE() << "unknown instruction " << instruction.code;
                return 0;
        }
        at += yes ? instruction.jump_true : instruction.jump_false;
    }
    ADD_FAILURE() << "fell off the end";
    return 0;
}

Verdict verdict(std::uint32_t action) {
    if (action == SECCOMP_RET_ALLOW) return allowed;
    if (action == (SECCOMP_RET_ERRNO | EPERM)) return eperm;
    return action == (SECCOMP_RET_ERRNO | ENOSYS) ? enosys : other;
}

}  // namespace stack::test
