// Where the tests find the repository and the built programs. Functions and not macros on every command line, so that
// two checkouts compile to the same objects.
#pragma once

#include <string>
#include <string_view>

namespace stack::test {

/// `path` below the root of the repository.
std::string source_path(std::string_view path);
/// `name` among the built programs (build/bin).
std::string program_path(std::string_view name);
/// `name` among the built tests and their helpers (build/tests/bin).
std::string test_program_path(std::string_view name);

}  // namespace stack::test
