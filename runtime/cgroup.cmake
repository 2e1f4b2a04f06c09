# Control groups, apart from the rest of the runtime because nothing else is needed to test them.
include_guard()
add_library(stack_cgroup STATIC
  ${CMAKE_CURRENT_LIST_DIR}/cgroup.cpp ${CMAKE_CURRENT_LIST_DIR}/cgroup_layout.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cgroup_devices.cpp ${CMAKE_CURRENT_LIST_DIR}/cgroup_v1.cpp ${CMAKE_CURRENT_LIST_DIR}/cgroup_v2.cpp
  ${CMAKE_CURRENT_LIST_DIR}/device_programs.cpp)
target_link_libraries(stack_cgroup PUBLIC stack_base)
