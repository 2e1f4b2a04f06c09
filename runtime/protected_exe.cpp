#include "runtime/protected_exe.hpp"

#include "runtime/base/error.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr const char* kSelf = "/proc/self/exe";
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// The file behind a mount of its own that nobody can reach by path and that takes no writes.
UniqueFd read_only_clone(const std::string& path) {
    UniqueFd tree{sys::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)};
    if (!tree.valid()) return {};
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (sys::set_mount_attributes(tree.get(), "", AT_EMPTY_PATH, attributes) < 0) return {};
    return tree;
}

UniqueFd make_memfd(const char* name) {
    constexpr unsigned kExecutable = 0x10;  // MFD_EXEC, since 6.3; older kernels allow it anyway
    UniqueFd memory{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | kExecutable)};
    if (!memory.valid() && errno == EINVAL)
        memory.reset(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory.valid()) throw_errno("create a file in memory");
    return memory;
}

UniqueFd sealed_copy(const std::string& path) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.valid()) throw_errno(fmt::format("open {}", path));
    UniqueFd memory = make_memfd("stack");
    for (;;) {
        const ssize_t done = ::sendfile(memory.get(), file.get(), nullptr, std::size_t{1} << 30);
        if (done == 0) break;
        if (done < 0 && errno != EINTR) throw_errno(fmt::format("copy {} into memory", path));
    }
    if (::fchmod(memory.get(), 0555) != 0 || ::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0)
        throw_errno(fmt::format("seal the copy of {}", path));
    // Without write permission, so that exec does not see a writer (ETXTBSY).
    UniqueFd reopened{::open(fmt::format("/proc/self/fd/{}", memory.get()).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!reopened.valid()) throw_errno(fmt::format("open the copy of {}", path));
    return reopened;
}

}  // namespace

bool runs_protected() {
    char text[16];
    const ssize_t length = ::readlink(kSelf, text, sizeof text);
    const std::string_view path{text, static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
    if (path.starts_with("/memfd:")) {
        const UniqueFd self{::open(kSelf, O_RDONLY | O_CLOEXEC)};
        const int seals = self.valid() ? ::fcntl(self.get(), F_GET_SEALS) : -1;
        return seals >= 0 && (seals & F_SEAL_WRITE) != 0;
    }
    // A mount that is attached nowhere has no path but its own root's, be the file still there or replaced by an upgrade. (A
    // read-only mount of the host does not count: the host may make it writable again.)
    if (path != "/" && path != "/ (deleted)") return false;
    struct statfs filesystem {};
    return ::statfs(kSelf, &filesystem) == 0 && (filesystem.f_flags & ST_RDONLY) != 0;
}

UniqueFd protected_program(const std::string& path) {
    if (UniqueFd clone = read_only_clone(path); clone.valid()) return clone;
    return sealed_copy(path);
}

UniqueFd protected_self_exe() {
    if (!runs_protected()) return protected_program(kSelf);
    UniqueFd self{::open(kSelf, O_PATH | O_CLOEXEC)};
    if (!self.valid()) throw_errno(fmt::format("open {}", kSelf));
    return self;
}

void exec_protected(const std::vector<std::string>& argv) {
    const UniqueFd program = protected_self_exe();
    std::vector<char*> pointers;
    pointers.reserve(argv.size() + 1);
    for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    ::syscall(SYS_execveat, program.get(), "", pointers.data(), environ, AT_EMPTY_PATH);
    throw_errno("execute this program again from a protected copy");
}

}  // namespace stack
