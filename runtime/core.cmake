# The runtime proper: from a ContainerSpec to a running process.
set(STACK_RUNTIME_SOURCES
  capabilities.cpp
  child_copy_up.cpp
  child_gate.cpp
  child_hooks.cpp
  child_listener.cpp
  child_mount_point.cpp
  child_namespaces.cpp
  container_defaults.cpp
  container_spec.cpp
  dev_plan.cpp
  hook_plan.cpp
  hooks.cpp
  host_facts.cpp
  id_map_plan.cpp
  id_maps.cpp
  init_child.cpp
  init_child_identity.cpp
  init_child_mounts.cpp
  init_program.cpp
  init_program_text.cpp
  joined_mounts.cpp
  launch_error.cpp
  launcher.cpp
  mount_options.cpp
  mount_plan.cpp
  mount_requests.cpp
  mount_steps.cpp
  namespace_plan.cpp
  net_devices.cpp
  pending_process.cpp
  pipe_owner.cpp
  process_plan.cpp
  protected_exe.cpp
  root_plan.cpp
  scheduling_plan.cpp
  seccomp_compiler.cpp
  seccomp_listener.cpp
  seccomp_profile.cpp
  seccomp_program.cpp
  seccomp_words.cpp
  security_labels.cpp
  shared_memory.cpp
  start_gate.cpp
  state_document.cpp
  sysctl.cpp
  user.cpp)
list(TRANSFORM STACK_RUNTIME_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
add_library(stack_runtime STATIC ${STACK_RUNTIME_SOURCES})
target_link_libraries(stack_runtime PUBLIC stack_base PRIVATE dep_seccomp dep_json)
# Profile files of users; config.json's have no need of it.
add_library(stack_seccomp_file STATIC ${CMAKE_CURRENT_LIST_DIR}/seccomp_file.cpp)
target_link_libraries(stack_seccomp_file PUBLIC stack_base PRIVATE stack_runtime stack_image_store dep_json dep_seccomp)
include(${CMAKE_CURRENT_LIST_DIR}/cgroup.cmake OPTIONAL)
