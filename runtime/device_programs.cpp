#include "runtime/device_programs.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/cgroup_plan.hpp"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr char kProgramName[] = "stack_devices";
static_assert(sizeof kProgramName <= BPF_OBJ_NAME_LEN);

int bpf(int command, bpf_attr& attributes) {
    return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

struct LoadedProgram {
    UniqueFd fd;
    int error = 0;
};

LoadedProgram load_device_program(const std::vector<DeviceInstruction>& program) {
    static_assert(sizeof(DeviceInstruction) == sizeof(bpf_insn));
    static constexpr char kLicence[] = "Apache-2.0";
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = reinterpret_cast<std::uint64_t>(program.data());
    attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
    attributes.license = reinterpret_cast<std::uint64_t>(kLicence);
    ::memcpy(attributes.prog_name, kProgramName, sizeof kProgramName);
    LoadedProgram result{UniqueFd{bpf(BPF_PROG_LOAD, attributes)}};
    if (!result.fd.valid()) result.error = errno;
    return result;
}

bpf_prog_info program_info(int program) {
    bpf_prog_info info{};
    bpf_attr get{};
    get.info.bpf_fd = static_cast<std::uint32_t>(program);
    get.info.info_len = sizeof info;
    get.info.info = reinterpret_cast<std::uint64_t>(&info);
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, get) != 0) return {};
    return info;
}

/// The program that an earlier call attached to this very directory; invalid: none. Known by its name, because
/// systemd attaches programs too, and keeps them as it wants them.
UniqueFd attached_program_of_ours(int directory) {
    std::array<std::uint32_t, 64> ids{};
    bpf_attr query{};
    query.query.target_fd = static_cast<std::uint32_t>(directory);
    query.query.attach_type = BPF_CGROUP_DEVICE;
    query.query.prog_ids = reinterpret_cast<std::uint64_t>(ids.data());
    query.query.prog_cnt = ids.size();
    if (bpf(BPF_PROG_QUERY, query) != 0) return {};
    for (std::size_t i = 0; i < query.query.prog_cnt && i < ids.size(); ++i) {
        bpf_attr get{};
        get.prog_id = ids[i];
        UniqueFd program{bpf(BPF_PROG_GET_FD_BY_ID, get)};
        if (program.valid() &&
            ::strncmp(program_info(program.get()).name, kProgramName, BPF_OBJ_NAME_LEN) == 0)
            return program;
    }
    return {};
}

}  // namespace

struct DevicePrograms::Impl {
    struct Entry {
        std::vector<DeviceRule> rules;
        LoadedProgram program;
    };
    std::mutex mutex;
    std::deque<Entry> entries;  // few: one for each set of `devices` in use
};

DevicePrograms::DevicePrograms() : impl_{std::make_unique<Impl>()} {}
DevicePrograms::~DevicePrograms() = default;

DevicePrograms::Loaded DevicePrograms::get(const std::vector<DeviceRule>& rules) {
    const std::lock_guard lock{impl_->mutex};
    for (const Impl::Entry& entry : impl_->entries)
        if (entry.rules == rules) return {entry.program.fd.get(), entry.program.error};
    impl_->entries.push_back({rules, load_device_program(device_program(rules))});
    const LoadedProgram& made = impl_->entries.back().program;
    return {made.fd.get(), made.error};
}

UniqueFd attach_device_program(int directory, int program) {
    UniqueFd before = attached_program_of_ours(directory);
    bpf_attr attach{};
    attach.target_fd = static_cast<std::uint32_t>(directory);
    attach.attach_bpf_fd = static_cast<std::uint32_t>(program);
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    if (before.valid()) {  // in one step: at no moment are there both rules, or none
        attach.attach_flags |= BPF_F_REPLACE;
        attach.replace_bpf_fd = static_cast<std::uint32_t>(before.get());
    }
    if (before.valid() && program_info(before.get()).id == program_info(program).id) return before;
    if (bpf(BPF_PROG_ATTACH, attach) == 0) return before;
    const int err = errno;
    throw Error{ErrorKind::not_supported,
                fmt::format("limit devices can't be enforced: attach device program: {}", errno_text(err))};
}

}  // namespace stack
