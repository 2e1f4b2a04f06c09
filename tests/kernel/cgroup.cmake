stack_test(kernel_cgroup kernel SERIAL SOURCES cgroup_test.cpp LIBRARIES stack_cgroup stack_test_support)
