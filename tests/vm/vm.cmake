# The kernel ring and the limits once more, where cgroup v2 is all there is. Not part of `make test`: the first run
# builds the machine (about a minute), each run boots it in emulation.
configure_file(vm/limits ${CMAKE_BINARY_DIR}/tests/vm-limits COPYONLY)  # the guest sees the build directory alone
add_test(NAME Machine.EnforcesLimitsOnPureCgroup2
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/vm/run-in-machine -s ${CMAKE_BINARY_DIR} -t 900
    "${CMAKE_BINARY_DIR}/tests/vm-limits ${CMAKE_BINARY_DIR}")
set_tests_properties(Machine.EnforcesLimitsOnPureCgroup2 PROPERTIES LABELS vm TIMEOUT 1200 RUN_SERIAL ON)
