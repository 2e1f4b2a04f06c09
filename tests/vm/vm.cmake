# The kernel ring and the limits once more, where cgroup v2 is all there is. Not part of `make test`: the first run
# builds the machine (about a minute), each run boots it in emulation.
function(stack_machine_test name names)
  add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/vm/run-in-machine ${ARGN}
      -s ${PROJECT_SOURCE_DIR} -s ${CMAKE_BINARY_DIR} -t 900
      "${CMAKE_CURRENT_SOURCE_DIR}/vm/limits ${CMAKE_BINARY_DIR} '${names}'")
  set_tests_properties(${name} PROPERTIES LABELS vm TIMEOUT 1200 RUN_SERIAL ON)
endfunction()
stack_machine_test(Machine.EnforcesLimitsOnPureCgroup2 .)
# Under systemd, what has to do with control groups. The whole ring: tests/vm/run-in-machine -S, and no expression.
stack_machine_test(Machine.EnforcesLimitsUnderSystemd "cgroup|limits|oci|runtime_kernel" -S)
