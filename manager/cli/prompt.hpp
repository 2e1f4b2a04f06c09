// Asks a person at the terminal.
#pragma once

#include <string>

namespace stack::cli {

/// A line from stdin, after `question` on stderr; without its line end. With `hidden` the terminal does not show what
/// is typed, also when this is left by a signal. Throws Error(invalid_input) when stdin is no terminal or has ended;
/// `otherwise` is the hint then.
std::string ask(const std::string& question, bool hidden, const std::string& otherwise);

/// Whether the answer begins with y; no answer is no. Throws like `ask` when there is no terminal.
bool confirm(const std::string& question, const std::string& otherwise);

}  // namespace stack::cli
