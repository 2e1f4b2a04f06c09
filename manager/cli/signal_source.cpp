#include "manager/cli/signal_source.hpp"

#include "runtime/base/error.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

namespace stack::cli {

SignalSource::SignalSource(std::initializer_list<int> numbers) {
    ::sigset_t set;
    ::sigemptyset(&set);
    for (const int number : numbers) ::sigaddset(&set, number);
    fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_.valid()) throw_errno("make a signal descriptor");
    ::sigprocmask(SIG_BLOCK, &set, &before_);
}

/// A signal that came and was not read takes its effect now: an unheard Ctrl-C ends the program.
SignalSource::~SignalSource() {
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalSource::next() {
    ::signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
}

}  // namespace stack::cli
