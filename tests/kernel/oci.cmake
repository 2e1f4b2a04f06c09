stack_test(oci_kernel_test kernel
  SOURCES oci_exec_test.cpp oci_faults_test.cpp oci_fixture.cpp oci_hooks_test.cpp oci_kill_test.cpp oci_life_test.cpp oci_limits_test.cpp oci_look_test.cpp oci_mounts_test.cpp oci_net_devices_test.cpp oci_process_test.cpp
          oci_rootless_test.cpp oci_streams_test.cpp oci_systemd_test.cpp seccomp_agent.cpp
  LIBRARIES stack_oci_config stack_cgroup dep_json)
add_dependencies(oci_kernel_test stack-runtime stack-runtime-faulty stack-systemd)
add_test(NAME OciFaults.AtEverySystemCall COMMAND oci_kernel_test --gtest_filter=OciFaults.AnySystemCallCanBeTheLastOne)
set_tests_properties(OciFaults.AtEverySystemCall PROPERTIES LABELS long TIMEOUT 1800 ENVIRONMENT STACK_EVERY_CALL=1)

# The program once more, with points at which a test kills it (runtime/oci/fault_point.hpp).
get_target_property(oci_sources stack_oci SOURCES)
get_target_property(oci_libraries stack_oci LINK_LIBRARIES)
list(TRANSFORM oci_sources PREPEND ${PROJECT_SOURCE_DIR}/runtime/oci/)
add_executable(stack-runtime-faulty ${oci_sources} ${PROJECT_SOURCE_DIR}/runtime/oci/fault_point.cpp
  ${PROJECT_SOURCE_DIR}/runtime/oci/stack_runtime_main.cpp)
set_target_properties(stack-runtime-faulty PROPERTIES UNITY_BUILD ${STACK_UNITY})
target_compile_definitions(stack-runtime-faulty PRIVATE STACK_FAULT_POINTS)
target_link_libraries(stack-runtime-faulty PRIVATE ${oci_libraries})
