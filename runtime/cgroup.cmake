# Control groups, apart from the rest of the runtime because nothing else is needed to test them.
include_guard()
set(STACK_CGROUP_SOURCES
  cgroup.cpp cgroup_block_io.cpp cgroup_devices.cpp cgroup_files.cpp cgroup_layout.cpp cgroup_limits.cpp cgroup_oom.cpp
  cgroup_plan.cpp cgroup_processes.cpp cgroup_rdma.cpp cgroup_stats.cpp cgroup_stats_v1.cpp cgroup_stats_v2.cpp
  cgroup_tree.cpp cgroup_v1.cpp cgroup_v2.cpp cgroup_values.cpp device_assembler.cpp device_programs.cpp)
list(TRANSFORM STACK_CGROUP_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
add_library(stack_cgroup STATIC ${STACK_CGROUP_SOURCES})
target_link_libraries(stack_cgroup PUBLIC stack_base)

# Scopes of systemd; only the programs that may ask systemd link it.
set(STACK_SYSTEMD_SOURCES
  cgroup_systemd.cpp systemd/annotation_properties.cpp systemd/property.cpp systemd/request.cpp
  systemd/resource_properties.cpp systemd/unit_name.cpp systemd/units.cpp)
list(TRANSFORM STACK_SYSTEMD_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
add_library(stack_cgroup_systemd STATIC ${STACK_SYSTEMD_SOURCES})
target_link_libraries(stack_cgroup_systemd PUBLIC stack_cgroup PRIVATE dep_json)

# Who asks it. libsystemd itself is loaded at run time, its headers are needed to build.
find_path(SYSTEMD_INCLUDE_DIR systemd/sd-bus.h REQUIRED)
set(STACK_SYSTEMD_PROGRAM_SOURCES
  systemd/manager.cpp systemd/sd_bus_library.cpp systemd/stack_systemd_main.cpp)
list(TRANSFORM STACK_SYSTEMD_PROGRAM_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
add_executable(stack-systemd ${STACK_SYSTEMD_PROGRAM_SOURCES})
target_link_libraries(stack-systemd PRIVATE stack_cgroup_systemd ${CMAKE_DL_LIBS})
