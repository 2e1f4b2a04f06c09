# Supervision as pure machines, under a clock that the tests turn.
stack_test(machines_test unit
  SOURCES machine_health_test.cpp machine_restart_policy_test.cpp machine_service_test.cpp
  LIBRARIES stack_machines stack_plan)
target_compile_options(machines_test PRIVATE -Wno-missing-field-initializers)
