#include "manager/engine/image_view.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/container_defaults.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace stack::engine {

namespace {

int fsopen(const char* type) {
    return static_cast<int>(::syscall(SYS_fsopen, type, 1u /* FSOPEN_CLOEXEC */));
}

bool configure(int fs, unsigned command, const char* key, const char* value) {
    return ::syscall(SYS_fsconfig, fs, command, key, value, 0) == 0;
}

constexpr unsigned kSetString = 1, kCreate = 6;  // FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE

// Layers one by one where the kernel takes them so (6.8), else in one string of at most 255 bytes, for which they
// are named by descriptor.
bool add_layers(int fs, const std::vector<UniqueFd>& layers) {
    bool one_by_one = true;
    for (std::size_t i = 0; i < layers.size() && one_by_one; ++i) {
        const std::string path = fmt::format("/proc/self/fd/{}", layers[i].get());
        one_by_one = configure(fs, kSetString, "lowerdir+", path.c_str());
        if (!one_by_one && i > 0) return false;
    }
    if (one_by_one) return true;
    std::string all;
    for (const UniqueFd& layer : layers)
        all += fmt::format("{}/proc/self/fd/{}", all.empty() ? "" : ":", layer.get());
    return all.size() < 256 && configure(fs, kSetString, "lowerdir", all.c_str());
}

struct DirCloser {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

// Hard links inside the tree stay links.
using LinkMap = std::map<std::pair<dev_t, ino_t>, std::string>;

class TreeCopy {
  public:
    explicit TreeCopy(int destination_root) : root_{destination_root} {}

    void copy_directory(int from, int to, const std::string& relative, int depth) {
        if (depth > 200) throw Error{ErrorKind::invalid_input, "the directory nests too deep"};
        const int listing = ::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        std::unique_ptr<DIR, DirCloser> dir{listing < 0 ? nullptr : ::fdopendir(listing)};
        if (!dir) throw_errno(fmt::format("list '{}'", relative));
        while (const dirent* entry = ::readdir(dir.get())) {
            const std::string name{entry->d_name};
            if (name == "." || name == "..") continue;
            copy_entry(from, to, name, relative.empty() ? name : relative + "/" + name, depth);
        }
    }

    static void copy_attributes(int from, int to, const struct stat& info) {
        copy_capability(from, to);
        if (::fchown(to, info.st_uid, info.st_gid) != 0 || ::fchmod(to, info.st_mode & 07777) != 0)
            throw_errno("set owner and mode");
        const std::array<timespec, 2> times{info.st_atim, info.st_mtim};
        ::futimens(to, times.data());
    }

  private:
    static void copy_capability(int from, int to) {
        std::array<char, 256> value;
        const ssize_t size = ::fgetxattr(from, "security.capability", value.data(), value.size());
        if (size > 0) ::fsetxattr(to, "security.capability", value.data(), static_cast<std::size_t>(size), 0);
    }

    void copy_entry(int from, int to, const std::string& name, const std::string& relative, int depth) {
        struct stat info {};
        if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
            throw_errno(fmt::format("stat '{}'", relative));
        if (S_ISDIR(info.st_mode)) {
            copy_subdirectory(from, to, name, relative, info, depth);
        } else if (S_ISLNK(info.st_mode)) {
            std::array<char, 4096> target{};
            const ssize_t length = ::readlinkat(from, name.c_str(), target.data(), target.size() - 1);
            if (length < 0 || ::symlinkat(target.data(), to, name.c_str()) != 0)
                throw_errno(fmt::format("copy link '{}'", relative));
            if (::fchownat(to, name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
                throw_errno(fmt::format("set owner of link '{}'", relative));
        } else if (S_ISREG(info.st_mode)) {
            copy_file(from, to, name, relative, info);
        }
    }

    void copy_subdirectory(int from, int to, const std::string& name, const std::string& relative,
                           const struct stat& info, int depth) {
        UniqueFd source{::openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!source.valid() || ::mkdirat(to, name.c_str(), 0700) != 0)
            throw_errno(fmt::format("copy '{}'", relative));
        UniqueFd target{::openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!target.valid()) throw_errno(fmt::format("copy '{}'", relative));
        copy_directory(source.get(), target.get(), relative, depth + 1);
        copy_attributes(source.get(), target.get(), info);
    }

    void copy_file(int from, int to, const std::string& name, const std::string& relative,
                   const struct stat& info) {
        if (info.st_nlink > 1) {
            const auto [known, inserted] = links_.try_emplace({info.st_dev, info.st_ino}, relative);
            if (!inserted && ::linkat(root_, known->second.c_str(), to, name.c_str(), 0) == 0) return;
        }
        UniqueFd source{::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
        UniqueFd target{
            ::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
        if (!source.valid() || !target.valid()) throw_errno(fmt::format("copy '{}'", relative));
        for (;;) {
            const ssize_t copied =
                ::copy_file_range(source.get(), nullptr, target.get(), nullptr, 1u << 30, 0);
            if (copied == 0) break;
            if (copied < 0) throw_errno(fmt::format("copy '{}'", relative));
        }
        copy_attributes(source.get(), target.get(), info);
    }

    int root_;
    LinkMap links_;
};

}  // namespace

UniqueFd open_image_view(const std::vector<std::string>& layers_topmost_first) {
    std::vector<UniqueFd> layers;
    layers.reserve(layers_topmost_first.size());
    for (const std::string& path : layers_topmost_first) layers.push_back(open_directory(path));
    if (layers.size() == 1) return std::move(layers.front());
    const UniqueFd fs{fsopen("overlay")};
    if (!fs.valid() || !add_layers(fs.get(), layers) || !configure(fs.get(), kCreate, nullptr, nullptr))
        return UniqueFd{};
    return UniqueFd{static_cast<int>(::syscall(SYS_fsmount, fs.get(), 1u /* FSMOUNT_CLOEXEC */,
                                               MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID))};
}

bool command_exists(int image_root, const std::string& command, const std::vector<std::string>& env,
                    const std::string& working_dir) {
    const auto is_file = [image_root](const std::string& path) {
        const UniqueFd file = try_open_at(image_root, path, O_PATH, Resolve::in_root);
        struct stat info {};
        return file.valid() && ::fstat(file.get(), &info) == 0 && !S_ISDIR(info.st_mode);
    };
    if (command.find('/') != std::string::npos)
        return is_file(command.front() == '/' ? command : working_dir + "/" + command);
    std::string path = kDefaultPath;
    for (const std::string& variable : env)
        if (variable.starts_with("PATH=")) path = variable.substr(5);
    for (const std::string& directory : split(path, ':')) {
        const std::string prefix = directory.empty() ? working_dir : directory;
        if (is_file(prefix + "/" + command)) return true;
    }
    return false;
}

bool copy_directory_out(int image_root, const std::string& path, const std::string& destination) {
    const UniqueFd source = try_open_at(image_root, path, O_RDONLY | O_DIRECTORY, Resolve::in_root);
    if (!source.valid()) return false;
    const UniqueFd target = open_directory(destination);
    struct stat info {};
    if (::fstat(source.get(), &info) != 0) throw_errno(fmt::format("stat '{}'", path));
    TreeCopy copy{target.get()};
    copy.copy_directory(source.get(), target.get(), "", 0);
    TreeCopy::copy_attributes(source.get(), target.get(), info);
    return true;
}

}  // namespace stack::engine
