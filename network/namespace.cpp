#include "network/namespace.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/network_namespace.hpp"
#include "runtime/base/text.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <fmt/format.h>

namespace stack::network {

namespace {

bool is_namespace(int fd) {
    struct statfs info {};
    return ::fstatfs(fd, &info) == 0 && info.f_type == NSFS_MAGIC;
}

std::string sysctl_path(std::string_view name) {
    return fmt::format("/proc/sys/net/{}", name);
}

}  // namespace

UniqueFd make_namespace(const std::function<void()>& setup) {
    UniqueFd result;
    on_own_thread([&] {
        if (::unshare(CLONE_NEWNET) != 0) throw_errno("create network namespace");
        result = current_network_namespace();
        if (setup) setup();
    });
    return result;
}

UniqueFd set_up_namespace(UniqueFd given, const std::function<void()>& setup) {
    if (!given.valid()) return make_namespace(setup);
    in_network_namespace(given.get(), setup);
    return given;
}

void pin_namespace(int netns, const std::string& path) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file.valid()) throw_errno(fmt::format("create '{}'", path));
    const std::string source = fmt::format("/proc/self/fd/{}", netns);
    if (::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0)
        throw_errno(fmt::format("mount network namespace on '{}'", path));
}

UniqueFd open_pinned_namespace(const std::string& path) {
    UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!fd.valid()) {
        if (errno == ENOENT || errno == ENOTDIR) return {};
        throw_errno(fmt::format("open '{}'", path));
    }
    if (!is_namespace(fd.get())) return {};
    return fd;
}

void unpin_namespace(const std::string& path) {
    // More than one mount may lie there if a maker was killed between mounting and the next look.
    while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    if (errno != EINVAL && errno != ENOENT && errno != ENOTDIR)
        throw_errno(fmt::format("unmount '{}'", path));
    if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
        throw_errno(fmt::format("remove '{}'", path));
}

void write_sysctl(std::string_view name, std::string_view value) {
    const std::string path = sysctl_path(name);
    const UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    if (!fd.valid()) throw_errno(fmt::format("open '{}'", path));
    write_all(fd.get(), value, path);
}

std::string read_sysctl(std::string_view name) {
    const std::string path = sysctl_path(name);
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd.valid()) return {};
    std::array<char, 128> buffer{};
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0) return {};
    const std::string_view text = trim(std::string_view{buffer.data(), static_cast<std::size_t>(got)});
    return std::string{text.substr(0, text.find_first_of(" \t\n"))};
}

void set_up_loopback() {
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("open socket");
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) throw_errno("read flags of lo");
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) throw_errno("set lo up");
}

void allow_ping() {
    constexpr const char* kSetting = "ipv4/ping_group_range";
    try {
        write_sysctl(kSetting, "0 4294967294");
    } catch (const Error& error) {
        if (error.code() != EINVAL) throw;
        write_sysctl(kSetting, "0 2147483647");  // all that kernels before 6.4 take
    }
}

UniqueFd make_isolated_namespace(UniqueFd given) {
    return set_up_namespace(std::move(given), [] {
        set_up_loopback();
        allow_ping();
    });
}

}  // namespace stack::network
