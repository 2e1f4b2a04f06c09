stack_test(oci_kernel_test kernel
  SOURCES oci_exec_test.cpp oci_fixture.cpp oci_hooks_test.cpp oci_life_test.cpp oci_limits_test.cpp oci_look_test.cpp
          oci_streams_test.cpp
  LIBRARIES stack_oci_config stack_cgroup dep_json)
add_dependencies(oci_kernel_test stack-runtime)
