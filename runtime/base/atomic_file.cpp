#include "runtime/base/atomic_file.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack {

void write_file_atomically(const std::string& path, std::string_view content, Durability durability,
                           mode_t mode) {
    // The name carries the pid: a leftover of a killed writer is overwritten or ignored, never read.
    const std::string temporary = fmt::format("{}.tmp.{}", path, ::getpid());
    UniqueFd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode)};
    if (!fd.valid()) throw_errno(fmt::format("create '{}'", temporary));
    try {
        write_all(fd.get(), content, fmt::format("'{}'", temporary));
        if (durability == Durability::power_loss && ::fsync(fd.get()) != 0)
            throw_errno(fmt::format("sync '{}'", temporary));
        if (::rename(temporary.c_str(), path.c_str()) != 0)
            throw_errno(fmt::format("rename '{}'", temporary));
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    if (durability == Durability::power_loss) {
        const std::size_t slash = path.rfind('/');
        UniqueFd dir = open_directory(slash == std::string::npos ? "." : path.substr(0, slash + 1));
        if (::fsync(dir.get()) != 0) throw_errno(fmt::format("sync directory of '{}'", path));
    }
}

}  // namespace stack
