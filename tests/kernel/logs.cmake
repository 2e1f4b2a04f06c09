stack_test(kernel_logs kernel SOURCES logs_pump_test.cpp LIBRARIES stack_logs stack_test_support TIMEOUT 120)
