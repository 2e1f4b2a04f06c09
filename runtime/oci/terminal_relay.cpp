#include "runtime/oci/terminal_relay.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

namespace stack::oci {

TerminalRelay::TerminalRelay(UniqueFd master) : master_{std::move(master)} {
    // A pty whose reader sleeps takes nothing more: writing to it must not keep us from reading what it prints.
    set_nonblocking(master_.get(), true);
    termios now{};
    if (::tcgetattr(STDIN_FILENO, &now) != 0) return;
    before_ = now;
    ::cfmakeraw(&now);
    if (::tcsetattr(STDIN_FILENO, TCSANOW, &now) != 0) throw_errno("put the terminal into raw mode");
    resize();
}

TerminalRelay::~TerminalRelay() {
    if (before_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
}

void TerminalRelay::resize() const {
    winsize size{};
    if (before_ && ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(master_.get(), TIOCSWINSZ, &size);
}

void TerminalRelay::add_to(std::vector<pollfd>& fds) const {
    constexpr std::size_t kEnough = 4096;
    if (input_open_ && pending_.size() < kEnough) fds.push_back({STDIN_FILENO, POLLIN, 0});
    if (!output_open_) return;
    const bool typed = !pending_.empty();
    fds.push_back({master_.get(), static_cast<short>(typed ? POLLIN | POLLOUT : POLLIN), 0});
}

void TerminalRelay::handle(const pollfd& entry) {
    if (entry.revents == 0) return;
    if (entry.fd == STDIN_FILENO) {
        read_input();
    } else if (entry.fd == master_.get()) {
        if ((entry.revents & POLLOUT) != 0) write_input();
        if ((entry.revents & (POLLIN | POLLHUP | POLLERR)) != 0) copy_output();
    }
}

void TerminalRelay::read_input() {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0)
        input_open_ = false;
    else
        pending_.append(buffer.data(), static_cast<std::size_t>(got));
}

void TerminalRelay::write_input() {
    const ssize_t done = ::write(master_.get(), pending_.data(), pending_.size());
    if (done > 0) pending_.erase(0, static_cast<std::size_t>(done));
}

// The other side may be closed for a while (EIO) and opened again by another process; only the end of the container ends
// it, so a closed side is left alone until `drain`.
bool TerminalRelay::copy_output() {
    std::array<char, 16384> buffer{};
    const ssize_t got = ::read(master_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) output_open_ = false;
        return false;
    }
    write_all(STDOUT_FILENO, {buffer.data(), static_cast<std::size_t>(got)}, "standard output");
    return true;
}

void TerminalRelay::drain() {
    while (copy_output()) {
    }
}

}  // namespace stack::oci
