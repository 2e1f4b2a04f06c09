#include "runtime/image/host_source.hpp"

#include "runtime/base/error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack::image {

HostSource open_host_source(const std::string& path) {
    HostSource source;
    if (path == "-") {
        source.file.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
        if (!source.file.valid()) throw_errno("use standard input");
        return source;
    }
    source.file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info {};
    if (!source.file.valid() || ::fstat(source.file.get(), &info) != 0)
        throw_errno(fmt::format("open '{}'", path));
    if (S_ISDIR(info.st_mode)) {
        source.folder = path;
        source.file.reset();
    } else if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode)) {
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is neither a file nor a folder", path)};
    }
    return source;
}

}  // namespace stack::image
