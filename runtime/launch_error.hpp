// What a child reports, as the Error that users read. Pure.
#pragma once

#include "runtime/base/error.hpp"
#include "runtime/init_child.hpp"

namespace stack {

/// Context is the step's purpose, message the fact, position and hint where there are any.
Error error_of_report(const InitProgram& program, const ChildReport& report);

/// What the head of a file says about why the kernel did not execute it: the missing `#!` or ELF interpreter; empty when it
/// can't be told.
std::string interpreter_in_head(std::string_view head);

}  // namespace stack
