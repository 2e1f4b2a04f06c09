# Containers by the thousand. The ring runs some; `ctest -L long` runs ten thousand of each kind.
stack_test(stress_kernel_test kernel SOURCES oci_fixture.cpp runtime_fixture.cpp stress_cycles_test.cpp
  LIBRARIES stack_runtime stack_cgroup stack_oci_config dep_json stack_test_support)
add_dependencies(stress_kernel_test stack-runtime)
add_test(NAME StressCycles.TenThousand COMMAND stress_kernel_test)
set_tests_properties(StressCycles.TenThousand PROPERTIES LABELS long TIMEOUT 3600 ENVIRONMENT STACK_CYCLES=10000)
