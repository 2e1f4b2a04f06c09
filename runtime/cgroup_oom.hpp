// Notice of the kernel's out-of-memory killer in a cgroup: on v2 through changes of memory.events, on v1 through an
// eventfd that cgroup.event_control ties to memory.oom_control.
#pragma once

#include "runtime/base/fd.hpp"

#include <cstdint>

namespace stack {

class OomWatch {
  public:
    enum class News {
        none,    ///< woken for something else
        killed,  ///< the killer has worked here since the last call, once or more
        gone,    ///< the cgroup has been removed; nothing more will come
    };
    /// `memory` is the directory of the memory controller, which is kept open; `v2` says of which version. Throws
    /// Error.
    OomWatch(UniqueFd memory, bool v2);

    /// Readable when there may be news. Owned by this object.
    [[nodiscard]] int fd() const { return events_.get(); }
    /// Takes in what has come; never blocks. Throws Error.
    News take();

  private:
    [[nodiscard]] bool still_there() const;

    UniqueFd memory_;
    bool v2_;
    UniqueFd control_;  // v1: memory.oom_control, which the kernel's notice belongs to
    UniqueFd events_;   // inotify or eventfd
    std::uint64_t seen_ = 0;
};

/// How many processes the killer has killed so far, from the directory of the memory controller.
std::uint64_t count_oom_kills(int memory, bool v2);

}  // namespace stack
