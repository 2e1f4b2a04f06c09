#include "manager/cli/terminal.hpp"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

namespace stack::cli {

namespace {

bool environment_allows_colour() {
    const char* no_colour = ::getenv("NO_COLOR");
    if (no_colour && *no_colour) return false;
    const char* term = ::getenv("TERM");
    return !term || std::strcmp(term, "dumb") != 0;
}

/// Length of the SGR or other CSI sequence at the start of `text`, 0 when there is none.
std::size_t escape_length(std::string_view text) {
    if (text.size() < 2 || text[0] != '\x1b' || text[1] != '[') return 0;
    std::size_t i = 2;
    while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
    return i < text.size() ? i + 1 : 0;
}

bool starts_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

}  // namespace

Terminal look_at_terminal(int fd, AnsiMode ansi) {
    Terminal terminal;
    terminal.fd = fd;
    terminal.is_terminal = ::isatty(fd) == 1;
    if (ansi == AnsiMode::always)
        terminal.colour = true;
    else if (ansi == AnsiMode::automatic)
        terminal.colour = terminal.is_terminal && environment_allows_colour();
    return terminal;
}

std::optional<TerminalSize> terminal_size(int fd) {
    ::winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
    return TerminalSize{size.ws_row, size.ws_col};
}

RawMode::RawMode(int fd) : fd_{fd} {
    if (::tcgetattr(fd_, &saved_) != 0) return;
    ::termios raw = saved_;
    ::cfmakeraw(&raw);
    active_ = ::tcsetattr(fd_, TCSADRAIN, &raw) == 0;
}

RawMode::~RawMode() {
    if (active_) ::tcsetattr(fd_, TCSADRAIN, &saved_);
}

std::string coloured(std::string_view text, std::string_view code, bool colour) {
    if (!colour) return std::string{text};
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (const std::size_t escape = escape_length(text.substr(i))) {
            i += escape;
            continue;
        }
        if (starts_character(text[i])) ++width;
        ++i;
    }
    return width;
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
    if (display_width(text) <= columns) return std::string{text};
    std::string result;
    std::size_t width = 0;
    bool escaped = false;
    for (std::size_t i = 0; i < text.size();) {
        if (const std::size_t escape = escape_length(text.substr(i))) {
            result += text.substr(i, escape);
            escaped = true;
            i += escape;
            continue;
        }
        if (starts_character(text[i]) && ++width >= columns) break;
        result += text[i++];
    }
    if (columns > 0) result += "…";
    if (escaped) result += "\x1b[0m";
    return result;
}

std::string printable(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f)
            result += c;
        else if (c == '\n' || c == '\t')
            result += ' ';
        else
            result += fmt::format("\\x{:02x}", byte);
    }
    return result;
}

}  // namespace stack::cli
