// What stdout and stderr are, and what may be written to them: colours, cursor movements, width.
#pragma once

#include "manager/cli/options.hpp"

#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

namespace stack::cli {

/// One output of this process. `colour` says whether SGR sequences may be written.
struct Terminal {
    int fd = 1;
    bool is_terminal = false;
    bool colour = false;
};

/// Colour: --ansi always/never decides; otherwise a terminal without NO_COLOR and with a TERM other than
/// dumb.
Terminal look_at_terminal(int fd, AnsiMode ansi);

struct TerminalSize {
    unsigned short rows = 0, columns = 0;
};
/// nullopt when `fd` is no terminal or does not know its size.
std::optional<TerminalSize> terminal_size(int fd);

/// Puts a terminal into raw mode and back, also when leaving by exception.
class RawMode {
  public:
    explicit RawMode(int fd);  ///< does nothing when `fd` is no terminal
    ~RawMode();
    RawMode(const RawMode&) = delete;
    RawMode& operator=(const RawMode&) = delete;

  private:
    int fd_;
    bool active_ = false;
    ::termios saved_{};
};

/// `text` in the SGR colour `code` ("32", "31;1"), or as it is when `colour` is off.
std::string coloured(std::string_view text, std::string_view code, bool colour);

/// Columns that UTF-8 `text` takes, SGR sequences not counted.
std::size_t display_width(std::string_view text);
/// `text` cut to `columns`, with `…` when cut; SGR sequences are kept.
std::string cut_to_width(std::string_view text, std::size_t columns);
/// Control characters replaced by their visible form: what a record or a server says may not drive the
/// terminal.
std::string printable(std::string_view text);

}  // namespace stack::cli
