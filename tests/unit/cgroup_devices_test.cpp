// The device program is run here by a small interpreter of the few instructions it is made of.
#include "runtime/base/error.hpp"
#include "runtime/cgroup_plan.hpp"

#include <linux/bpf.h>

#include <array>

#include <gtest/gtest.h>

namespace stack {
namespace {

struct Request {
    char type;
    std::uint32_t major, minor;
    const char* access;
};

// -1: the program is malformed (runs past its end, unknown instruction).
int run(const std::vector<DeviceInstruction>& program, const Request& request) {
    std::uint32_t access = 0;
    for (const char* c = request.access; *c; ++c)
        access |= *c == 'm' ? BPF_DEVCG_ACC_MKNOD : *c == 'r' ? BPF_DEVCG_ACC_READ : BPF_DEVCG_ACC_WRITE;
    const std::array<std::uint32_t, 3> context{
        access << 16 | (request.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), request.major,
        request.minor};
    std::array<std::uint64_t, 16> reg{};
    for (std::size_t at = 0; at < program.size(); ++at) {
        const DeviceInstruction& i = program[at];
        auto& to = reg[i.registers & 15];
        const auto from = reg[i.registers >> 4];
        switch (i.code) {
            case BPF_LDX | BPF_MEM | BPF_W:
                to = context.at(static_cast<std::size_t>(i.offset) / 4);
                break;
            case BPF_ALU | BPF_K | BPF_MOV:
                to = static_cast<std::uint32_t>(i.immediate);
                break;
            case BPF_ALU | BPF_X | BPF_MOV:
                to = static_cast<std::uint32_t>(from);
                break;
            case BPF_ALU | BPF_K | BPF_AND:
                to = static_cast<std::uint32_t>(to) & static_cast<std::uint32_t>(i.immediate);
                break;
            case BPF_ALU | BPF_K | BPF_RSH:
                to = static_cast<std::uint32_t>(to) >> i.immediate;
                break;
            case BPF_JMP | BPF_K | BPF_JNE:
                if (to != static_cast<std::uint64_t>(i.immediate)) at += static_cast<std::size_t>(i.offset);
                break;
            case BPF_JMP | BPF_K | BPF_JEQ:
                if (to == static_cast<std::uint64_t>(i.immediate)) at += static_cast<std::size_t>(i.offset);
                break;
            case BPF_JMP | BPF_EXIT:
                return static_cast<int>(reg[0]);
            default:
                return -1;
        }
    }
    return -1;
}

TEST(DeviceProgram, DefaultsAllowWhatEveryContainerHasAndNothingElse) {
    const auto program = device_program(effective_device_rules({}));
    EXPECT_EQ(run(program, {'c', 1, 3, "rw"}), 1);
    EXPECT_EQ(run(program, {'c', 136, 42, "rw"}), 1);
    EXPECT_EQ(run(program, {'c', 1, 1, "r"}), 0);   // /dev/mem
    EXPECT_EQ(run(program, {'c', 1, 11, "r"}), 0);  // /dev/kmsg
    EXPECT_EQ(run(program, {'b', 8, 0, "r"}), 0);   // a disk
    EXPECT_EQ(run(program, {'b', 8, 0, "m"}), 1);   // making the node is no use without opening it
    EXPECT_EQ(run(program, {'b', 8, 0, "rm"}), 0);
    EXPECT_EQ(run(program, {'b', 1, 3, "r"}), 0);  // numbers of /dev/null, but a block device
}

TEST(DeviceProgram, LastMatchingRuleWins) {
    const auto program =
        device_program({{false, 'a', {}, {}, "rwm"}, {true, 'c', 10, {}, "rwm"}, {false, 'c', 10, 229, "w"}});
    EXPECT_EQ(run(program, {'c', 10, 200, "rw"}), 1);
    EXPECT_EQ(run(program, {'c', 10, 229, "r"}), 1);
    EXPECT_EQ(run(program, {'c', 10, 229, "rw"}), 0);
}

TEST(DeviceProgram, AllowAllEndsTheProgramBeforeUnreachableCode) {
    const auto all = device_program({{false, 'c', 1, 1, "rwm"}, {true, 'a', {}, {}, "rwm"}});
    EXPECT_EQ(run(all, {'c', 1, 1, "rwm"}), 1);
    EXPECT_EQ(all.size(), 8u);  // six to load the request, two to answer
    EXPECT_EQ(run(device_program({}), {'c', 1, 3, "r"}), 0);
}

TEST(DeviceProgram, PrivilegedRuleAllowsDisks) {
    ResourceSpec resources;
    resources.devices = {{true, 'a', {}, {}, "rwm"}};
    EXPECT_EQ(run(device_program(effective_device_rules(resources)), {'b', 8, 0, "rw"}), 1);
}

TEST(DeviceProgram, RuleOfAllTypesIsForItsNumbersAndLettersOnly) {
    ResourceSpec resources;
    resources.devices = {{false, 'a', {}, {}, "rwm"}, {true, 'a', 8, 0, "r"}, {true, 'a', {}, 7, "rwm"}};
    const auto numbers = device_program(effective_device_rules(resources));
    for (const char type : {'b', 'c'}) {
        EXPECT_EQ(run(numbers, {type, 8, 0, "r"}), 1);
        EXPECT_EQ(run(numbers, {type, 8, 0, "w"}), 0);
        EXPECT_EQ(run(numbers, {type, 8, 1, "r"}), 0);
        EXPECT_EQ(run(numbers, {type, 9, 7, "rw"}), 1);
    }
    resources.devices = {{true, 'a', {}, {}, "r"}};
    const auto letters = device_program(effective_device_rules(resources));
    EXPECT_EQ(run(letters, {'b', 8, 0, "r"}), 1);
    EXPECT_EQ(run(letters, {'c', 1, 1, "rw"}), 0);
}

TEST(DeviceLines, RuleOfAllTypesIsForItsNumbersAndLettersOnly) {
    ResourceSpec resources;
    resources.devices = {{true, 'a', 8, 0, "r"}, {true, 'a', {}, {}, "w"}};
    std::vector<std::string> lines;
    for (const CgroupWrite& write : v1_device_writes(effective_device_rules(resources)))
        lines.push_back(write.file + " " + write.value);
    lines.resize(5);  // before what every container may use
    EXPECT_EQ(lines,
              (std::vector<std::string>{"devices.deny a", "devices.allow b 8:0 r", "devices.allow c 8:0 r",
                                        "devices.allow b *:* w", "devices.allow c *:* w"}));
    resources.devices = {{true, 'a', {}, {}, "mwr"}};
    EXPECT_EQ(v1_device_writes(effective_device_rules(resources)).front().value, "a");
}

TEST(DeviceProgram, RefusesWhatItDoesNotKnow) {
    EXPECT_THROW(device_program({{true, 'x', 1, 3, "rwm"}}), Error);
    EXPECT_THROW(device_program({{true, 'c', 1, 3, "rwx"}}), Error);
    EXPECT_THROW(device_program({{true, 'c', std::int64_t{1} << 40, 3, "r"}}), Error);
}

}  // namespace
}  // namespace stack
