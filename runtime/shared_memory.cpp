#include "runtime/shared_memory.hpp"

#include "runtime/base/error.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <unistd.h>

#include <thread>

namespace stack {

namespace {

struct Attempt {
    UniqueFd mount;
    int error = 0;
    const char* what = "";
};

// Only a mount of one's own mount namespace can be cloned, so this thread goes there, and ends there. The path is the
// container's to change: no link is followed, and what is found is the container's own in any case.
void clone_in_its_namespace(int container, Attempt& attempt) {
    const auto fail = [&](const char* what) {
        attempt.error = errno;
        attempt.what = what;
    };
    if (::unshare(CLONE_FS) < 0) return fail("leave the shared working directory");
    if (::setns(container, CLONE_NEWNS) < 0) return fail("join the container's mount namespace");
    const UniqueFd place{sys::open_how_at(AT_FDCWD, "/dev/shm", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS)};
    if (!place.valid()) return fail("open the container's /dev/shm");
    attempt.mount.reset(sys::open_tree(place.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
    if (!attempt.mount.valid()) fail("clone the mount on the container's /dev/shm");
}

}  // namespace

UniqueFd open_shared_memory(const ProcessHandle& container) {
    Attempt attempt;
    std::thread{[&] { clone_in_its_namespace(container.pidfd(), attempt); }}.join();
    if (attempt.error != 0) throw Error::from_errno(attempt.error, attempt.what);
    return std::move(attempt.mount);
}

}  // namespace stack
