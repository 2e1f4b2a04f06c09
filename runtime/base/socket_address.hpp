// The address of a Unix socket in the file system, however long its path: sockaddr_un has room for 107 characters, so a
// longer one is reached through a descriptor of its directory.
#pragma once

#include "runtime/base/fd.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace stack {

class SocketAddress {
  public:
    /// Throws Error when the directory can't be opened or the name alone is too long.
    explicit SocketAddress(const std::string& path);
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
    [[nodiscard]] socklen_t size() const { return sizeof address_; }

  private:
    sockaddr_un address_{};
    UniqueFd directory_;
};

}  // namespace stack
