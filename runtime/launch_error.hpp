// What a child reports, as the Error that users read. Pure.
#pragma once

#include "runtime/base/error.hpp"
#include "runtime/init_child.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// Context is the step's purpose, message the fact, position and hint where there are any.
Error error_of_report(const InitProgram& program, const ChildReport& report);

/// What `ChildReport`s of the steps after the gate need to be read by somebody without the program: InitProgram's
/// `failure_words`.
std::vector<std::string> failure_words(const InitProgram& program);
/// The Error of a report that is followed by its step's words. Throws nothing, whatever the words hold.
Error error_of_words(const ChildReport& report, std::string_view words);

/// Messages go to terminals: what comes from an image or a foreign program loses its control characters, and is cut.
std::string printable_text(std::string_view text);

/// What the head of a file says about why the kernel did not execute it: the missing `#!` or ELF interpreter; empty when it
/// can't be told.
std::string interpreter_in_head(std::string_view head);

}  // namespace stack
