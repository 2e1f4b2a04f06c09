# The supervisor's half of the control API: the only user of Boost.Beast.
add_library(stack_control_server STATIC ${CMAKE_CURRENT_LIST_DIR}/control_server.cpp)
target_link_libraries(stack_control_server PUBLIC stack_base stack_control)
