#include "tests/support/private_namespaces.hpp"

#include "runtime/base/error.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace stack::test {

namespace {

void bring_loopback_up() {
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ifreq request{};
    ::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) throw_errno("bring lo up");
}

}  // namespace

bool may_make_namespaces() {
    static const bool answer = [] {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 ? 0 : 1);
        int status = 0;
        return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
    }();
    return answer;
}

PrivateNamespaces::PrivateNamespaces()
    : old_network_{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)},
      old_mount_{::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC)} {
    if (!old_network_.valid() || !old_mount_.valid()) throw_errno("open the current namespaces");
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) throw_errno("make private namespaces");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("make mounts private");
    // /sys/class/net shows the network namespace of whoever mounted it. The cgroup mounts below the old one
    // move along, or the program would see a host without cgroups.
    if (::mount("/sys", "/mnt", nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
        ::mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0)
        ::mount("/mnt/fs/cgroup", "/sys/fs/cgroup", nullptr, MS_BIND | MS_REC, nullptr);
    ::umount2("/mnt", MNT_DETACH);
    bring_loopback_up();
}

PrivateNamespaces::~PrivateNamespaces() {
    char where[4096];
    const char* back = ::getcwd(where, sizeof where);
    ::setns(old_network_.get(), CLONE_NEWNET);
    ::setns(old_mount_.get(), CLONE_NEWNS);  // sets the working directory to /
    [[maybe_unused]] const int moved = back != nullptr ? ::chdir(back) : 0;
}

}  // namespace stack::test
