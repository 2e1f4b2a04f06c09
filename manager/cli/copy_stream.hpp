// Copies bytes from one descriptor to another inside a poll loop, with one bounded buffer in between: a reader that
// is slow stops the copying, never the loop.
#pragma once

#include "runtime/base/fd.hpp"

#include <poll.h>

#include <string>

namespace stack::cli {

class CopyStream {
  public:
    /// Borrows both descriptors. `nonblocking_to`: `to` has O_NONBLOCK, and what does not fit is kept for later.
    CopyStream(int from, int to, bool nonblocking_to);
    /// Owns the writing side and closes it when `from` ends: end of file is passed on. `from` -1 ends at once.
    CopyStream(int from, UniqueFd to);
    /// Owns the reading side and closes it when nobody takes the bytes any more.
    CopyStream(UniqueFd from, int to);

    /// Entries for poll; fd -1 when there is nothing to wait for.
    [[nodiscard]] ::pollfd wait_to_read() const;
    [[nodiscard]] ::pollfd wait_to_write() const;
    /// Moves what can be moved without blocking on either side (writing to terminals and files may block).
    void step();
    /// Moves what is left in `from` now.
    void drain();
    /// `from` has ended, or nobody reads `to`.
    [[nodiscard]] bool ended() const { return from_ < 0; }

  private:
    bool read_some();
    void write_some();
    void end();

    UniqueFd own_from_, own_to_;
    int from_ = -1, to_ = -1;
    bool nonblocking_to_ = false;
    std::string pending_;
};

}  // namespace stack::cli
