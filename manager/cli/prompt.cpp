#include "manager/cli/prompt.hpp"

#include "manager/cli/live_lines.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/signal_source.hpp"
#include "runtime/base/error.hpp"

#include <errno.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace stack::cli {

namespace {

constexpr std::size_t kMaxAnswerBytes = 64u << 10;

/// The terminal does not show what is typed while this lives.
class Hidden {
  public:
    explicit Hidden(int fd) : fd_{fd} {
        if (::tcgetattr(fd_, &saved_) != 0) return;
        ::termios quiet = saved_;
        quiet.c_lflag &= ~static_cast<::tcflag_t>(ECHO);
        quiet.c_lflag |= ECHONL;
        active_ = ::tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
    }
    ~Hidden() {
        if (active_) ::tcsetattr(fd_, TCSAFLUSH, &saved_);
    }
    Hidden(const Hidden&) = delete;
    Hidden& operator=(const Hidden&) = delete;

  private:
    int fd_;
    bool active_ = false;
    ::termios saved_{};
};

/// One byte at a time: what follows the line belongs to somebody else. nullopt at the end of input.
std::optional<std::string> read_line(SignalSource& signals) {
    std::string line;
    for (;;) {
        std::array<::pollfd, 2> fds{{{STDIN_FILENO, POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
        if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) throw_errno("wait for an answer");
        if (const std::optional<int> signal = signals.next()) throw AlreadyReported{128 + *signal};
        if (fds[0].revents == 0) continue;
        char c = 0;
        const ssize_t got = ::read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_errno("read an answer");
        if (got == 0 && line.empty()) return std::nullopt;
        if (got == 0 || c == '\n') return line;
        if (line.size() == kMaxAnswerBytes) throw Error{ErrorKind::invalid_input, "the answer is too long"};
        line += c;
    }
}

std::optional<std::string> answer_to(const std::string& question, bool hidden, const std::string& otherwise) {
    if (::isatty(STDIN_FILENO) != 1)
        throw Error{ErrorKind::invalid_input, "standard input is no terminal: nobody can be asked"}.with_hint(
            otherwise);
    SignalSource signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    write_progress(Terminal{STDERR_FILENO, true, false}, question);
    std::optional<Hidden> hide;
    if (hidden) hide.emplace(STDIN_FILENO);
    return read_line(signals);
}

}  // namespace

std::string ask(const std::string& question, bool hidden, const std::string& otherwise) {
    const std::optional<std::string> answer = answer_to(question, hidden, otherwise);
    if (!answer || answer->empty())
        throw Error{ErrorKind::invalid_input, "no answer was given"}.with_hint(otherwise);
    return *answer;
}

bool confirm(const std::string& question, const std::string& otherwise) {
    const std::optional<std::string> answer = answer_to(question, false, otherwise);
    return answer && (answer->starts_with('y') || answer->starts_with('Y'));
}

}  // namespace stack::cli
