#include "runtime/image/folder_listing.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace stack::image {

namespace {

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

std::vector<std::string> list_directory_at(int folder) {
    // A descriptor of its own: fdopendir takes it, and the position is not shared.
    UniqueFd own{::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    const std::unique_ptr<DIR, CloseDir> stream{own.valid() ? ::fdopendir(own.get()) : nullptr};
    if (!stream) throw_errno("list a folder");
    static_cast<void>(own.release());
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view name{entry->d_name};
        if (name != "." && name != "..") names.emplace_back(name);
        errno = 0;
    }
    if (errno != 0) throw_errno("list a folder");
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace stack::image
