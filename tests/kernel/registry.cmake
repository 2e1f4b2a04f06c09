# Registries that are real (Debian's docker-registry) and registries that misbehave on purpose.
stack_test(kernel_registry kernel HOST_ONLY
  SOURCES registry_lab.cpp registry_login_test.cpp registry_misbehaviour_test.cpp registry_pull_push_test.cpp registry_server_test.cpp
  LIBRARIES stack_registry stack_image_worker stack_test_registry dep_json)
add_dependencies(kernel_registry stack-image)
