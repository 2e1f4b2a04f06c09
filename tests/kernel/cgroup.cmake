stack_test(kernel_cgroup kernel SERIAL SOURCES cgroup_test.cpp LIBRARIES stack_cgroup stack_test_support)
stack_test(kernel_cgroup_systemd kernel SERIAL SOURCES cgroup_systemd_test.cpp
  LIBRARIES stack_cgroup_systemd stack_test_support)
add_dependencies(kernel_cgroup_systemd stack-systemd)
stack_test(kernel_cgroup_nested kernel SERIAL SOURCES cgroup_nested_test.cpp runtime_fixture.cpp
  LIBRARIES stack_runtime stack_cgroup stack_test_support)
add_dependencies(kernel_cgroup_nested stack-init)
