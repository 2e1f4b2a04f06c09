// Advisory lock on a file (flock(2)); released when the owner dies, however it dies.
#pragma once

#include "runtime/base/fd.hpp"

#include <optional>
#include <string>

namespace stack {

class FileLock {
  public:
    /// Blocks until the lock is held. Creates the file (0600) when missing. Throws Error.
    static FileLock acquire(const std::string& path, bool shared = false);
    /// nullopt when somebody else holds it. Throws Error.
    static std::optional<FileLock> try_acquire(const std::string& path, bool shared = false);
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    explicit FileLock(UniqueFd fd) : fd_{std::move(fd)} {}
    UniqueFd fd_;
};

}  // namespace stack
