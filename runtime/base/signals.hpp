// Signal names and numbers as images, Compose files and the command line write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stack {

/// `SIGTERM`, `TERM`, `term`, `15`, `SIGRTMIN+3`; nullopt for anything that is no signal of this kernel
/// (1…64).
std::optional<int> parse_signal(std::string_view text);
/// `SIGTERM`; `SIGRTMIN+3`; "signal N" for what is none.
std::string signal_name(int number);

}  // namespace stack
