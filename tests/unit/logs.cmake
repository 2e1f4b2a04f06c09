stack_test(unit_logs unit SOURCES logs_reader_test.cpp logs_writer_test.cpp LIBRARIES stack_logs)
