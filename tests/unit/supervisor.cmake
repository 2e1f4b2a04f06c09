stack_test(supervisor_test unit SOURCES supervisor_test.cpp ../support/fake_engine.cpp
  LIBRARIES stack_supervisor stack_test_support)
