#include "runtime/image/confinement.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include <fmt/format.h>

namespace stack::image {

void close_fds_except(std::vector<int> keep) {
    keep.push_back(STDERR_FILENO);
    std::sort(keep.begin(), keep.end());
    unsigned next = 0;
    for (const int fd : keep) {
        const auto number = static_cast<unsigned>(fd);
        if (number > next) ::syscall(SYS_close_range, next, number - 1, 0);
        next = std::max(next, number + 1);
    }
    ::syscall(SYS_close_range, next, ~0u, 0);
}

void lower_limit(decltype(RLIMIT_CORE) resource, rlim_t wanted) {
    rlimit limit{};
    ::getrlimit(resource, &limit);
    limit.rlim_cur = limit.rlim_max = std::min(limit.rlim_max, wanted);
    ::setrlimit(resource, &limit);
}

namespace {

std::uint64_t bits_of(std::span<const int> capabilities) {
    std::uint64_t bits = 0;
    for (const int capability : capabilities) bits |= std::uint64_t{1} << capability;
    return bits;
}

}  // namespace

void drop_bounding_set(std::span<const int> kept) {
    for (int capability = 0; capability < 64; ++capability) {
        if ((bits_of(kept) >> capability & 1) != 0) continue;
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL)
            throw_errno("drop a capability");
    }
}

void keep_only_capabilities(std::span<const int> kept_ones) {
    const std::uint64_t kept = bits_of(kept_ones);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    data[0].effective = data[0].permitted = static_cast<std::uint32_t>(kept);
    data[1].effective = data[1].permitted = static_cast<std::uint32_t>(kept >> 32);
    if (::syscall(SYS_capset, &header, data.data()) != 0) throw_errno("drop capabilities");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw_errno("set no_new_privs");
}

ProcessHandle fork_confined(std::string_view what, const std::function<void(int)>& enter,
                            const std::function<int()>& body) {
    Pipe report = make_pipe();  // what went wrong before `body`, as text; empty when nothing did
    const pid_t pid = ::fork();
    if (pid < 0) throw_errno(fmt::format("fork {}", what));
    if (pid == 0) {
        int status = 1;
        try {
            enter(report.write.get());
            static_cast<void>(report.read.release());  // closed with the others
            ::close(report.write.release());
            status = body();
        } catch (const std::exception& error) {
            if (report.write.valid()) write_all(report.write.get(), error.what(), "the report");
        }
        ::_exit(status);
    }
    report.write.reset();
    ProcessHandle child = ProcessHandle::open(pid).value();
    if (const std::string problem =
            read_all(report.read.get(), fmt::format("the report of {}", what), 64u << 10);
        !problem.empty()) {
        wait_for_exit(child);
        throw Error{ErrorKind::failed, problem}.add_context(fmt::format("start {}", what));
    }
    return child;
}

}  // namespace stack::image
