# The built program, run as a user would. What has to do with control groups runs again in the emulated machine; the rest, which
# kills and measures in milliseconds, is not for machines that take a second for them.
stack_test(e2e_test e2e HOST_ONLY TIMEOUT 120
  SOURCES basics_test.cpp cdi_test.cpp crash_test.cpp dependencies_test.cpp escape_program_test.cpp
    foreground_test.cpp host_access_test.cpp input_test.cpp isolation_test.cpp
    logs_test.cpp network_test.cpp process_settings_test.cpp pull_test.cpp registry_test.cpp security_test.cpp shared_namespaces_test.cpp store_test.cpp update_test.cpp user_namespace_test.cpp volumes_test.cpp
  LIBRARIES stack_test_registry stack_test_support)
stack_test(e2e_limits_test e2e SERIAL TIMEOUT 300 SOURCES cgroup_parent_test.cpp limits_test.cpp
  LIBRARIES stack_test_support stack_cgroup)
stack_test(e2e_systemd_test e2e SERIAL TIMEOUT 300 SOURCES systemd_test.cpp LIBRARIES stack_test_support)
# Whoever builds a test of the program wants the program.
add_dependencies(e2e_test stack-forged-loader)
foreach(program stack stack-keeper stack-init stack-image stack-systemd)
  if(TARGET ${program})
    add_dependencies(e2e_test ${program})
    add_dependencies(e2e_limits_test ${program})
    add_dependencies(e2e_systemd_test ${program})
  endif()
endforeach()
