#include "runtime/oci/foreground.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <vector>

namespace stack::oci {

namespace {

// Ends of children, ours and those that fell to us; the exit code when `child` is among them.
std::optional<int> reap(pid_t child) {
    std::optional<int> code;
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG | __WALL)) > 0;)
        if (pid == child) code = exit_code_of_status(status);
    return code;
}

class Waiting {
  public:
    Waiting(int signals, const ProcessHandle& child, TerminalRelay* terminal, NotifyRelay* notify)
        : signals_{signals}, child_{child}, terminal_{terminal}, notify_{notify} {}

    int until_end() {
        for (;;) {
            if (const std::optional<int> code = reap(child_.pid())) return *code;
            std::vector<pollfd> fds{{signals_, POLLIN, 0}};
            if (notify_ != nullptr) fds.push_back({notify_->fd(), POLLIN, 0});
            if (terminal_ != nullptr) terminal_->add_to(fds);
            if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR)
                throw_errno("wait for the container");
            take_signals();
            if (notify_ != nullptr && notify_->relay(child_.pid())) notify_ = nullptr;
            if (terminal_ != nullptr)
                for (const pollfd& entry : fds) terminal_->handle(entry);
        }
    }

  private:
    void take_signals() {
        signalfd_siginfo info{};
        while (::read(signals_, &info, sizeof info) == sizeof info) {
            const int number = static_cast<int>(info.ssi_signo);
            if (number == SIGWINCH && terminal_ != nullptr)
                terminal_->resize();
            else if (number != SIGCHLD && number != SIGURG && number != SIGPIPE)
                static_cast<void>(child_.signal(number));
        }
    }

    int signals_;
    const ProcessHandle& child_;
    TerminalRelay* terminal_;
    NotifyRelay* notify_;
};

}  // namespace

Foreground::Foreground(bool subreaper) {
    if (subreaper && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) throw_errno("become a subreaper");
    sigset_t all;
    ::sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, SIGABRT})
        ::sigdelset(&all, fault);
    ::sigprocmask(SIG_BLOCK, &all, &before_);
    signals_.reset(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_.valid()) throw_errno("make a signalfd");
}

Foreground::~Foreground() {
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int Foreground::wait(const ProcessHandle& child, TerminalRelay* terminal, NotifyRelay* notify) {
    const int code = Waiting{signals_.get(), child, terminal, notify}.until_end();
    if (terminal != nullptr) terminal->drain();
    return code;
}

}  // namespace stack::oci
