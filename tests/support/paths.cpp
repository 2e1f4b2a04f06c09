#include "tests/support/paths.hpp"

namespace stack::test {

std::string source_path(std::string_view path) {
    return std::string{STACK_SOURCE_DIR "/"}.append(path);
}

std::string program_path(std::string_view name) {
    return std::string{STACK_BINARY_DIR "/"}.append(name);
}

std::string test_program_path(std::string_view name) {
    return std::string{STACK_TEST_BINARY_DIR "/"}.append(name);
}

}  // namespace stack::test
