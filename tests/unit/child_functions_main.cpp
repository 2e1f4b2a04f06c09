// The child's side of a start and nothing else: what child_functions.py takes apart. Never run.
#include "runtime/init_child.hpp"

int main() {
    stack::run_init_program(stack::ChildInput{});
}
