# The published ways out of a container, each as a trap; docs/security.md says which is which.
stack_test(escape_kernel_test kernel TIMEOUT 120
  SOURCES escape_cgroup_and_sysctl_test.cpp escape_descriptors_and_exe_test.cpp escape_fixture.cpp escape_identity_test.cpp
    escape_keyring_and_syscalls_test.cpp escape_mounts_test.cpp escape_proc_sys_dev_test.cpp escape_races_test.cpp
    runtime_fixture.cpp
  LIBRARIES stack_runtime stack_cgroup stack_test_support)
