# What the rings share: temporary roots, namespaces, leak checks, golden files, a driver for the built program.
add_library(stack_test_support STATIC
  support/call_tracer.cpp support/eventually.cpp support/golden.cpp support/host_snapshot.cpp support/http_client.cpp
  support/paths.cpp support/payload_image.cpp support/private_namespaces.cpp support/processes.cpp support/stack_runner.cpp
  support/stack_test_fixture.cpp support/temp_root.cpp)
target_link_libraries(stack_test_support PUBLIC stack_base dep_json GTest::gtest)
set_property(SOURCE support/paths.cpp APPEND PROPERTY COMPILE_DEFINITIONS
  STACK_SOURCE_DIR="${PROJECT_SOURCE_DIR}" STACK_BINARY_DIR="${CMAKE_BINARY_DIR}/bin"
  STACK_TEST_BINARY_DIR="${CMAKE_BINARY_DIR}/tests/bin")
add_dependencies(stack_test_support stack-payload)
set_property(TARGET stack_test_support PROPERTY STACK_TEST ON)

# Prints the machine's snapshot: CI compares before and after.
add_executable(stack-host-snapshot support/host_snapshot_main.cpp)
target_link_libraries(stack-host-snapshot PRIVATE stack_test_support)

# A real registry, and small images to fill it with.
add_library(stack_test_registry STATIC
  support/cutting_proxy.cpp support/registry_server.cpp support/script_server.cpp support/test_certificates.cpp
  support/test_image.cpp)
target_link_libraries(stack_test_registry PUBLIC stack_test_support PRIVATE stack_image_worker dep_json dep_z)
set_property(TARGET stack_test_registry PROPERTY STACK_TEST ON)
