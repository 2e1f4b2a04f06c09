# The runtime proper: from a ContainerSpec to a running process.
add_library(stack_runtime STATIC
  ${CMAKE_CURRENT_SOURCE_DIR}/launcher.cpp)
target_link_libraries(stack_runtime PUBLIC stack_base PRIVATE dep_seccomp dep_cap dep_json)
include(${CMAKE_CURRENT_LIST_DIR}/cgroup.cmake OPTIONAL)
