stack_test(executor_test unit SOURCES executor_test.cpp LIBRARIES stack_engine)
