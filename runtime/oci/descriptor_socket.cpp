#include "runtime/oci/descriptor_socket.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/socket_address.hpp"

#include <sys/socket.h>

#include <fmt/format.h>

namespace stack::oci {

UniqueFd connect_to(const std::string& path, std::string_view what) {
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("make a socket");
    const SocketAddress address{path};
    if (::connect(socket.get(), address.get(), address.size()) != 0)
        throw_errno(fmt::format("connect to the {} {}", what, path));
    return socket;
}

void send_descriptor(const std::string& path, std::string_view what, int fd, std::string_view name) {
    const UniqueFd socket = connect_to(path, what);
    const int fds[] = {fd};
    try {
        send_with_fds(socket.get(), std::as_bytes(std::span{name}), fds);
    } catch (Error& error) {
        throw error.add_context(fmt::format("send to the {} {}", what, path));
    }
}

}  // namespace stack::oci
