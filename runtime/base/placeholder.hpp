// What a process does that is there only so that something else can be: a namespace, a unit of systemd.
#pragma once

namespace stack {

/// Waits for the end of file on `life`, with nothing else open, and exits: what came along, the end of another placeholder's pipe
/// perhaps, must not be held. For the child of a fork or clone; system calls only. A function of its own file, so that tests
/// can look into it.
[[noreturn]] void run_placeholder_in_child(int life) noexcept;

}  // namespace stack
