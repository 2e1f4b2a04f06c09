stack_test(cli_test unit
  SOURCES cli_command_line_test.cpp cli_environment_flags_test.cpp cli_view_test.cpp cli_time_test.cpp
          cli_copy_stream_test.cpp cli_transfer_test.cpp
  LIBRARIES stack_transfer stack_test_support)
stack_test(control_client_test unit
  SOURCES control_connection_test.cpp control_http_test.cpp control_protocol_test.cpp control_schema_test.cpp
  LIBRARIES stack_control)
