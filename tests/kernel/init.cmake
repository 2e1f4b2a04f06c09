stack_test(kernel_init kernel SOURCES init_test.cpp LIBRARIES stack_base)
add_dependencies(kernel_init stack-init)
