// Interrupts of the worker's outer half: SIGINT, SIGTERM and SIGHUP kill the children that are at work for it; it then
// finds their pipes closed, cleans up and says so. Nothing is lost: children only prepare.
#pragma once

#include "runtime/base/child_process.hpp"

#include <cstddef>

namespace stack::image {

/// Call before the first child is started: an interrupt from then on is kept for it.
void watch_interrupts();

/// While it lives, an interrupt kills this child. At most eight at a time; `child` outlives it.
class KillOnInterrupt {
  public:
    explicit KillOnInterrupt(const ProcessHandle& child);
    ~KillOnInterrupt();
    KillOnInterrupt(const KillOnInterrupt&) = delete;
    KillOnInterrupt& operator=(const KillOnInterrupt&) = delete;

  private:
    std::size_t slot_ = 0;
};

/// Whether an interrupt came since `watch_interrupts`.
bool interrupted();

}  // namespace stack::image
