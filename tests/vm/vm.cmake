# The kernel ring, and what of the e2e ring has to do with control groups, where cgroup v2 is all there is. Not part of
# `make test`: the first run builds the machine (about a minute), each run boots it in emulation.
function(stack_machine_test name label timeout names)
  math(EXPR limit "${timeout} + 300") # until the machine is built
  add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/vm/run-in-machine ${ARGN}
      -s ${PROJECT_SOURCE_DIR} -s ${CMAKE_BINARY_DIR} -t ${timeout}
      "${CMAKE_CURRENT_SOURCE_DIR}/vm/ring ${CMAKE_BINARY_DIR} '${names}'")
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${limit} RUN_SERIAL ON)
endfunction()
stack_machine_test(Machine.EnforcesLimitsOnPureCgroup2 vm 1500 "")
# Under systemd, what has to do with control groups, and all of it.
stack_machine_test(Machine.EnforcesLimitsUnderSystemd vm 1200 "kernel_cgroup.*|oci_kernel_test|runtime_kernel_test|e2e.*" -S)
stack_machine_test(Machine.RunsTheRingUnderSystemd long 3600 "" -S)
