stack_test(kernel_cgroup kernel SOURCES cgroup_test.cpp LIBRARIES stack_cgroup)
