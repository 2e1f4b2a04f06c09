stack_test(runtime_unit_test unit
  SOURCES runtime_capabilities_test.cpp runtime_launch_error_test.cpp runtime_mount_options_test.cpp runtime_net_devices_test.cpp
          runtime_program_test.cpp runtime_seccomp_default_file_test.cpp runtime_seccomp_file_test.cpp runtime_seccomp_profile_test.cpp
          runtime_seccomp_test.cpp runtime_sysctl_test.cpp runtime_user_test.cpp seccomp_judge.cpp
  LIBRARIES stack_runtime stack_seccomp_file stack_test_support)
