// Device rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE (bpf(2), linux/bpf.h: struct
// bpf_cgroup_dev_ctx). Pure; loading and attaching is device_programs.cpp's.
#include "runtime/base/error.hpp"
#include "runtime/cgroup_plan.hpp"

#include <linux/bpf.h>
#include <stdint.h>

#include <fmt/format.h>

namespace stack {

namespace {

// r0 result or scratch, r1 context; the request in: r2 access, r3 type, r4 major, r5 minor.
enum Register : std::uint8_t { r0, r1, r2, r3, r4, r5 };

class Assembler {
  public:
    void emit(int code, Register destination, Register source, std::int16_t offset, std::int32_t immediate) {
        program_.push_back({static_cast<std::uint8_t>(code),
                            static_cast<std::uint8_t>(destination | (source << 4)), offset, immediate});
    }
    void load_u32(Register to, Register base, std::int16_t offset) {
        emit(BPF_LDX | BPF_MEM | BPF_W, to, base, offset, 0);
    }
    void operate(int operation, Register on, std::int32_t value) {
        emit(BPF_ALU | BPF_K | operation, on, r0, 0, value);
    }
    void copy(Register to, Register from) { emit(BPF_ALU | BPF_X | BPF_MOV, to, from, 0, 0); }
    void answer(bool allow) {
        operate(BPF_MOV, r0, allow ? 1 : 0);
        emit(BPF_JMP | BPF_EXIT, r0, r0, 0, 0);
    }
    // A jump to the end of the current rule, patched by `end_rule`.
    void skip_rule_if(int comparison, Register left, std::int32_t value) {
        open_jumps_.push_back(program_.size());
        emit(BPF_JMP | BPF_K | comparison, left, r0, 0, value);
    }
    void end_rule() {
        for (const std::size_t at : open_jumps_)
            program_[at].offset = static_cast<std::int16_t>(program_.size() - at - 1);
        open_jumps_.clear();
    }
    std::vector<DeviceInstruction> take() { return std::move(program_); }

  private:
    std::vector<DeviceInstruction> program_;
    std::vector<std::size_t> open_jumps_;
};

constexpr int kAllAccess = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

int access_mask(const std::string& access) {
    int mask = 0;
    for (const char letter : access) {
        switch (letter) {
            case 'r':
                mask |= BPF_DEVCG_ACC_READ;
                break;
            case 'w':
                mask |= BPF_DEVCG_ACC_WRITE;
                break;
            case 'm':
                mask |= BPF_DEVCG_ACC_MKNOD;
                break;
            default:
                throw Error{ErrorKind::invalid_input,
                            fmt::format("device access '{}' is not of r, w, m", access)};
        }
    }
    return mask;
}

// True when the rule matches everything: what stands before it can't be reached, and the verifier refuses
// that.
bool emit_rule(Assembler& out, const DeviceRule& rule) {
    const int mask = access_mask(rule.access);
    bool conditional = false;
    const auto condition = [&](int comparison, Register left, std::int64_t value) {
        if (value > INT32_MAX)
            throw Error{ErrorKind::invalid_input, fmt::format("{} is no device number", value)};
        out.skip_rule_if(comparison, left, static_cast<std::int32_t>(value));
        conditional = true;
    };
    switch (rule.type) {
        case 'a':
            break;  // all devices; `effective_device_rules` gives it no numbers
        case 'b':
            condition(BPF_JNE, r3, BPF_DEVCG_DEV_BLOCK);
            break;
        case 'c':
            condition(BPF_JNE, r3, BPF_DEVCG_DEV_CHAR);
            break;
        default:
            throw Error{ErrorKind::invalid_input,
                        fmt::format("device type '{}' is not a, b or c", rule.type)};
    }
    if (mask != kAllAccess) {
        // Allowed is a request that wants nothing beyond the rule; denied is one that wants anything of it.
        out.copy(r0, r2);
        out.operate(BPF_AND, r0, rule.allow ? kAllAccess & ~mask : mask);
        condition(rule.allow ? BPF_JNE : BPF_JEQ, r0, 0);
    }
    if (rule.type != 'a' && rule.major.value_or(-1) >= 0) condition(BPF_JNE, r4, *rule.major);
    if (rule.type != 'a' && rule.minor.value_or(-1) >= 0) condition(BPF_JNE, r5, *rule.minor);
    out.answer(rule.allow);
    out.end_rule();
    return !conditional;
}

}  // namespace

std::vector<DeviceInstruction> device_program(const std::vector<DeviceRule>& rules) {
    Assembler out;
    out.load_u32(r2, r1, 0);  // access << 16 | type
    out.copy(r3, r2);
    out.operate(BPF_AND, r3, 0xffff);
    out.operate(BPF_RSH, r2, 16);
    out.load_u32(r4, r1, 4);
    out.load_u32(r5, r1, 8);
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule)
        if (emit_rule(out, *rule)) return out.take();
    out.answer(false);
    return out.take();
}

}  // namespace stack
