// Our own terminal and a container's pty as one: what is typed goes in, what is printed comes out, and the sizes agree.
#pragma once

#include "runtime/base/fd.hpp"

#include <poll.h>
#include <termios.h>

#include <optional>
#include <string>
#include <vector>

namespace stack::oci {

class TerminalRelay {
  public:
    /// Puts our terminal, if standard input is one, into raw mode until the end of this object and gives the pty its size:
    /// to be made before the process starts, which may ask for that at once. Throws Error.
    explicit TerminalRelay(UniqueFd master);
    ~TerminalRelay();
    TerminalRelay(const TerminalRelay&) = delete;
    TerminalRelay& operator=(const TerminalRelay&) = delete;

    /// Gives the pty the size of our terminal.
    void resize() const;
    /// What to wait for, appended to `fds`; `handle` is given the same entries back, with what has happened.
    void add_to(std::vector<pollfd>& fds) const;
    void handle(const pollfd& entry);
    /// After the process has ended: what it printed last.
    void drain();

  private:
    void read_input();
    void write_input();
    bool copy_output();  ///< false when there is nothing (more)

    UniqueFd master_;
    std::optional<termios> before_;
    std::string pending_;  // typed, and not yet taken by the pty
    bool input_open_ = true, output_open_ = true;
};

}  // namespace stack::oci
