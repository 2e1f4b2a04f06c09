// Signals as a descriptor to poll (signalfd(2)): a client's loop treats Ctrl-C like any other input.
#pragma once

#include "runtime/base/fd.hpp"

#include <signal.h>

#include <initializer_list>
#include <optional>

namespace stack::cli {

class SignalSource {
  public:
    /// Blocks `numbers` for this thread until destroyed. Start helper processes before, for they inherit the mask.
    explicit SignalSource(std::initializer_list<int> numbers);
    ~SignalSource();
    SignalSource(const SignalSource&) = delete;
    SignalSource& operator=(const SignalSource&) = delete;

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// The next signal that has come; nullopt when there is none.
    std::optional<int> next();

  private:
    ::sigset_t before_{};
    UniqueFd fd_;
};

}  // namespace stack::cli
