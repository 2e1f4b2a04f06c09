stack_test(runtime_kernel_test kernel
  SOURCES runtime_exec_test.cpp runtime_fixture.cpp runtime_gate_test.cpp runtime_hostile_test.cpp runtime_labels_test.cpp
          runtime_launch_test.cpp runtime_mounts_test.cpp runtime_namespaces_test.cpp runtime_seccomp_test.cpp
          seccomp_agent.cpp
  LIBRARIES stack_runtime stack_seccomp_file stack_cgroup stack_test_support)
add_dependencies(runtime_kernel_test stack-init)
