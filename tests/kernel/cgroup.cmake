stack_test(kernel_cgroup kernel SERIAL SOURCES cgroup_test.cpp LIBRARIES stack_cgroup stack_test_support)
stack_test(kernel_cgroup_systemd kernel SERIAL SOURCES cgroup_systemd_test.cpp
  LIBRARIES stack_cgroup_systemd stack_test_support)
