// The mount steps: new mount API and descriptors throughout (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)).
#include "runtime/child_runner.hpp"
#include "runtime/child_syscalls.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace stack {

namespace {

struct ScopedFd {
    int fd;
    explicit ScopedFd(int descriptor) noexcept : fd{descriptor} {}
    ScopedFd(const ScopedFd&) = delete;
    ScopedFd& operator=(const ScopedFd&) = delete;
    ~ScopedFd() {
        if (fd >= 0) ::close(fd);
    }
};

// A directory as overlayfs is told of it.
struct LayerText {
    const char* text;
    char buffer[48] = "/proc/self/fd/";
    LayerText(const step::LayerRef& layer, const int* fds) noexcept {
        text = layer.path.c_str();
        if (!layer.fd.valid()) return;
        ::strcat(buffer, sys::NumberText{static_cast<std::uint64_t>(fds[layer.fd.index])}.text);
        text = buffer;
    }
};

// The host's tree stays below, covered as a whole: a chroot, and "/" of the mount namespace is the container's.
int enter_without_pivot(int root, bool attached) noexcept {
    if (!attached && ::syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return errno;
    if (::chroot(".") < 0) return errno;
    return result_of(::chdir("/"));
}

}  // namespace

int ChildRunner::fail_filesystem(int error, int fs, FailureDetail detail, std::size_t extra) noexcept {
    char message[512];
    const ssize_t size = ::read(fs, message, sizeof message);  // `e overlay: …`, one message a read
    std::string_view text{message, size > 0 ? static_cast<std::size_t>(size) : 0};
    if (text.size() > 2 && text[1] == ' ') text.remove_prefix(2);
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    return fail(error, detail, text, extra);
}

int ChildRunner::run(const step::OpenHostPath& step) noexcept {
    return keep(step.out, ::open(step.path.c_str(), O_PATH | O_CLOEXEC));
}

int ChildRunner::run(const step::CloneHostTree& step) noexcept {
    const int tree =
        sys::open_tree(AT_FDCWD, step.path.c_str(),
                       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (step.recursive ? AT_RECURSIVE : 0u));
    if (tree < 0 && errno == ENOENT && step.may_be_missing) return 0;
    return keep(step.out, tree);
}

int ChildRunner::run(const step::IdMapMount& step) noexcept {
    if (fd(step.mount) < 0) return 0;
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<std::uint64_t>(fd(step.user_namespace));
    return result_of(sys::set_mount_attributes(
        fd(step.mount), "", AT_EMPTY_PATH | (step.recursive ? AT_RECURSIVE : 0u), attributes));
}

int ChildRunner::run(const step::CloneOpenFile& step) noexcept {
    return keep(step.out,
                sys::open_tree(fd(step.from), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
}

int ChildRunner::run(const step::SetMountAttributes& step) noexcept {
    mount_attr attributes{};
    attributes.attr_set = step.set;
    attributes.attr_clr = step.clear;
    attributes.propagation = step.propagation;
    const unsigned flags = step.recursive ? AT_RECURSIVE : 0u;
    if (!step.mount.valid()) return result_of(sys::set_mount_attributes(AT_FDCWD, "/", flags, attributes));
    if (fd(step.mount) < 0) return 0;
    return result_of(sys::set_mount_attributes(fd(step.mount), "", flags | AT_EMPTY_PATH, attributes));
}

int ChildRunner::run(const step::MakeFilesystem& step) noexcept {
    const ScopedFd fs{sys::fsopen(step.type.c_str())};
    if (fs.fd < 0) return errno;
    if (sys::fsconfig(fs.fd, FSCONFIG_SET_STRING, "source", step.source.c_str()) < 0)
        return fail_filesystem(errno, fs.fd, FailureDetail::creating_filesystem);
    for (std::size_t i = 0; i < step.options.size(); ++i) {
        const step::FilesystemOption& option = step.options[i];
        const int done = option.value ? sys::fsconfig(fs.fd, FSCONFIG_SET_STRING, option.key.c_str(),
                                                      option.value->c_str())
                                      : sys::fsconfig(fs.fd, FSCONFIG_SET_FLAG, option.key.c_str(), nullptr);
        if (done < 0) return fail_filesystem(errno, fs.fd, FailureDetail::filesystem_option, i);
    }
    if (sys::fsconfig(fs.fd, FSCONFIG_CMD_CREATE, nullptr, nullptr) < 0)
        return fail_filesystem(errno, fs.fd, FailureDetail::creating_filesystem);
    const int error = keep(step.out, sys::fsmount(fs.fd, step.attributes));
    return error == 0 ? 0 : fail_filesystem(error, fs.fd, FailureDetail::creating_filesystem);
}

int ChildRunner::run(const step::MakeOverlay& step) noexcept {
    const ScopedFd fs{sys::fsopen("overlay")};
    if (fs.fd < 0) return errno;
    const auto set = [&](const char* key, const step::LayerRef& layer) noexcept {
        return sys::fsconfig(fs.fd, FSCONFIG_SET_STRING, key, LayerText{layer, in_.fds}.text);
    };
    if (sys::fsconfig(fs.fd, FSCONFIG_SET_STRING, "source", "overlay") < 0)
        return fail_filesystem(errno, fs.fd, FailureDetail::creating_filesystem);
    for (const step::LayerRef& layer : step.lower)
        if (set("lowerdir+", layer) < 0) return fail(errno, FailureDetail::opening_path, layer.path);
    if (set("upperdir", step.upper) < 0) return fail(errno, FailureDetail::opening_path, step.upper.path);
    if (set("workdir", step.work) < 0) return fail(errno, FailureDetail::opening_path, step.work.path);
    if (step.user_xattr && sys::fsconfig(fs.fd, FSCONFIG_SET_FLAG, "userxattr", nullptr) < 0)
        return fail_filesystem(errno, fs.fd, FailureDetail::creating_filesystem);
    if (sys::fsconfig(fs.fd, FSCONFIG_CMD_CREATE, nullptr, nullptr) < 0)
        return fail_filesystem(errno, fs.fd, FailureDetail::creating_filesystem);
    return keep(step.out, sys::fsmount(fs.fd, 0));
}

int ChildRunner::run(const step::MakeOverlayByMount& step) noexcept {
    // One page of options is what mount(2) takes; the program's author has made sure that they fit.
    char options[4096];
    char* end = options;
    bool fits = true;
    const auto add = [&](const char* text) noexcept {
        fits = fits && ::strlen(text) < static_cast<std::size_t>(options + sizeof options - end);
        if (fits) end = ::stpcpy(end, text);
    };
    add("lowerdir=");
    for (std::size_t i = 0; i < step.lower.size(); ++i) {
        if (i > 0) add(":");
        add(LayerText{step.lower[i], in_.fds}.text);
    }
    add(",upperdir=");
    add(LayerText{step.upper, in_.fds}.text);
    add(",workdir=");
    add(LayerText{step.work, in_.fds}.text);
    if (step.user_xattr) add(",userxattr");
    if (!fits) return E2BIG;
    // The work directory, trusted and of no further use to anybody in this mount namespace, serves as mount point.
    const char* point = step.mount_point.c_str();
    if (::syscall(SYS_mount, "overlay", point, "overlay", 0, options) < 0) return errno;
    if (const int error =
            keep(step.out, sys::open_tree(AT_FDCWD, point, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)))
        return error;
    return result_of(::syscall(SYS_umount2, point, 2 /* MNT_DETACH */));
}

int ChildRunner::run(const step::OwnFreshDirectory& step) noexcept {
    const ScopedFd directory{::open(step.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    struct stat info {};
    if (directory.fd < 0 || ::fstat(directory.fd, &info) < 0) return errno;
    return info.st_uid != 0 || info.st_gid != 0 ? 0 : result_of(::fchown(directory.fd, step.uid, step.gid));
}

int ChildRunner::run(const step::AttachAtHostPath& step) noexcept {
    return result_of(::syscall(SYS_move_mount, fd(step.mount), "", AT_FDCWD, step.path.c_str(),
                               MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS));
}

int ChildRunner::run(const step::EnterRoot& step) noexcept {
    const int root = fd(step.root);
    // Joining one's own mount namespace leads from a chroot, if we were started in one, to the root of the namespace
    // (setns(2)). That one has to be exchanged: else the host's tree would stay above the container's, in reach of
    // whoever may call chroot, and an exec, which joins the namespace, would end up there.
    const auto self = static_cast<int>(::syscall(SYS_pidfd_open, ::syscall(SYS_getpid), 0));
    if (self < 0 || ::setns(self, CLONE_NEWNS) < 0) return errno;
    ::close(self);
    if (step.attach && ::syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return errno;
    if (::fchdir(root) < 0) return errno;
    if (!step.pivot) return enter_without_pivot(root, step.attach);
    // pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one, and is let go at once.
    if (::syscall(SYS_pivot_root, ".", ".") < 0) return errno;
    if (::syscall(SYS_umount2, ".", 2 /* MNT_DETACH */) < 0) return errno;
    return result_of(::chdir("/"));
}

int ChildRunner::run(const step::OpenMountPoint& step) noexcept {
    bool file = step.kind == step::OpenMountPoint::Kind::file;
    struct stat info {};
    if (step.kind == step::OpenMountPoint::Kind::like_source) {
        if (fd(step.source) < 0) return 0;
        if (::fstat(fd(step.source), &info) < 0) return errno;
        file = !S_ISDIR(info.st_mode);
    }
    report_.detail = static_cast<std::uint32_t>(FailureDetail::opening_path);
    if (const int error =
            keep(step.out, open_or_create(fd(step.root), step.path.c_str(), file, step.no_links, report_)))
        return error;
    report_.detail = 0;
    struct statfs filesystem {};
    if (step.outside_proc && ::fstatfs(fd(step.out), &filesystem) == 0 &&
        filesystem.f_type == PROC_SUPER_MAGIC)
        return fail(EPERM, FailureDetail::wrong_kind);
    if (::fstat(fd(step.out), &info) < 0) return errno;
    if (S_ISDIR(info.st_mode) == file) return fail(file ? EISDIR : ENOTDIR, FailureDetail::wrong_file_type);
    return 0;
}

int ChildRunner::run(const step::AttachMount& step) noexcept {
    if (fd(step.mount) < 0) return 0;
    if (sys::attach(fd(step.mount), fd(step.target)) < 0) return errno;
    close(step.target);
    if (!step.keep) close(step.mount);
    return 0;
}

int ChildRunner::run(const step::AttachInside& step) noexcept {
    if (fd(step.mount) < 0) return 0;
    if (::mkdirat(fd(step.dir), step.name.c_str(), 0755) < 0 && errno != EEXIST)
        return fail(errno, FailureDetail::making_directory, step.name);
    if (sys::attach_inside(fd(step.mount), fd(step.dir), step.name.c_str()) < 0) return errno;
    if (!step.keep) close(step.mount);
    return 0;
}

int ChildRunner::run(const step::MakeDevice& step) noexcept {
    const char* name = ::strrchr(step.path.c_str(), '/');
    ScopedFd parent{-1};
    if (name) {
        char directory[256];
        const auto size = static_cast<std::size_t>(name - step.path.c_str());
        if (size >= sizeof directory) return ENAMETOOLONG;
        ::memcpy(directory, step.path.c_str(), size);
        directory[size] = '\0';
        parent.fd = open_or_create(fd(step.dir), directory, false, true, report_);
        if (parent.fd < 0) return errno;
        ++name;
    } else {
        name = step.path.c_str();
    }
    const int dir = parent.fd >= 0 ? parent.fd : fd(step.dir);
    const dev_t number = ::makedev(step.major, step.minor);
    if (::mknodat(dir, name, step.mode, number) < 0) {
        if (errno != EEXIST) return errno;
        // A root file system that brings its nodes along, or was used before.
        struct stat info {};
        if (::fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0) return errno;
        const bool same = (info.st_mode & S_IFMT) == (step.mode & S_IFMT) &&
                          (S_ISFIFO(info.st_mode) || info.st_rdev == number);
        return same ? 0 : fail(EEXIST, FailureDetail::wrong_kind);
    }
    if (step.uid == 0 && step.gid == 0) return 0;
    return result_of(::fchownat(dir, name, step.uid, step.gid, AT_SYMLINK_NOFOLLOW));
}

int ChildRunner::run(const step::MakeSymlink& step) noexcept {
    const int error = result_of(::symlinkat(step.target.c_str(), fd(step.dir), step.name.c_str()));
    return error == EEXIST ? 0 : error;  // what the image has in this place is the container's own affair
}

int ChildRunner::run(const step::CheckDevice& step) noexcept {
    if (const int error =
            keep(step.out, ::openat(fd(step.dir), step.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)))
        return error;
    struct stat info {};
    if (::fstat(fd(step.out), &info) < 0) return errno;
    if (!S_ISCHR(info.st_mode) || info.st_rdev != ::makedev(step.major, step.minor))
        return fail(EINVAL, FailureDetail::wrong_kind);
    return 0;
}

int ChildRunner::run(const step::CheckNode& step) noexcept {
    struct stat info {};
    if (::fstat(fd(step.node), &info) < 0) return errno;
    if ((info.st_mode & S_IFMT) != step.type || info.st_rdev != ::makedev(step.major, step.minor))
        return fail(EINVAL, FailureDetail::wrong_kind);
    return 0;
}

int ChildRunner::run(const step::MaskPath& step) noexcept {
    const ScopedFd target{sys::open_in(fd(step.root), step.path.c_str(), O_PATH)};
    if (target.fd < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    struct stat info {};
    if (::fstat(target.fd, &info) < 0) return errno;
    const bool directory = S_ISDIR(info.st_mode);
    // Only what is attached can be cloned before Linux 6.15: the first directory gets the empty one itself.
    if (directory && !empty_directory_attached_) {
        empty_directory_attached_ = true;
        return result_of(sys::attach(fd(step.empty_directory), target.fd));
    }
    const Slot cover = directory ? step.empty_directory : step.null_device;
    const ScopedFd mount{sys::open_tree(fd(cover), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)};
    return mount.fd < 0 ? errno : result_of(sys::attach(mount.fd, target.fd));
}

int ChildRunner::run(const step::ProtectPath& step) noexcept {
    const ScopedFd target{sys::open_in(fd(step.root), step.path.c_str(), O_PATH)};
    if (target.fd < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    const ScopedFd mount{
        sys::open_tree(target.fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE)};
    if (mount.fd < 0) return errno;
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (sys::set_mount_attributes(mount.fd, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes) < 0) return errno;
    return result_of(sys::attach(mount.fd, target.fd));
}

int ChildRunner::run(const step::CopyUp& step) noexcept {
    // A writable view of the volume that no other mount option (ro, noexec) is in the way of: the mount itself is not
    // attached yet, so nobody else sees it half filled.
    return copy_up_directory(fd(step.target), fd(step.mount), report_) < 0 ? errno : 0;
}

int ChildRunner::run(const step::OpenOwnRoot& step) noexcept {
    return keep(step.out, ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

int ChildRunner::run(const step::OpenDirectory& step) noexcept {
    const int dir = sys::open_in(fd(step.root), step.path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW,
                                 RESOLVE_NO_SYMLINKS);
    if (const int error = keep(step.out, dir)) return error;
    struct statfs info {};
    if (::fstatfs(dir, &info) < 0) return errno;
    if (step.magic != 0 && static_cast<std::uint64_t>(info.f_type) != step.magic)
        return fail(EINVAL, FailureDetail::wrong_kind);
    return 0;
}

}  // namespace stack
