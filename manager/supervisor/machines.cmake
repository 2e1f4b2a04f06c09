# The pure part of supervision: restart policy, health, and the machine that puts them together.
add_library(stack_machines STATIC
  ${CMAKE_CURRENT_LIST_DIR}/health.cpp ${CMAKE_CURRENT_LIST_DIR}/restart_policy.cpp
  ${CMAKE_CURRENT_LIST_DIR}/service_machine.cpp)
target_link_libraries(stack_machines PUBLIC stack_base)
