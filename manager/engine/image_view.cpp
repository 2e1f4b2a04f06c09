#include "manager/engine/image_view.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/container_defaults.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

}  // namespace stack::engine
