#include "runtime/base/socket_address.hpp"

#include "runtime/base/error.hpp"

#include <fcntl.h>

#include <cstring>

#include <fmt/format.h>

namespace stack {

SocketAddress::SocketAddress(const std::string& path) {
    std::string reachable = path;
    const std::size_t slash = path.rfind('/');
    if (path.size() >= sizeof address_.sun_path && slash != std::string::npos) {
        directory_.reset(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!directory_.valid()) throw_errno(fmt::format("open {}", path.substr(0, slash)));
        reachable = fmt::format("/proc/self/fd/{}{}", directory_.get(), path.substr(slash));
    }
    if (reachable.empty() || reachable.size() >= sizeof address_.sun_path)
        throw Error{ErrorKind::invalid_input, fmt::format("\"{}\" is no usable path of a socket", path)};
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, reachable.data(), reachable.size());
}

}  // namespace stack
