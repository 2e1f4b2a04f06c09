# The worker on real file systems: hostile layers, and the program as a whole in its sandbox.
stack_test(kernel_image kernel
  SOURCES image_import_test.cpp image_tar.cpp image_unpack_test.cpp
  LIBRARIES stack_image_worker stack_test_support dep_json dep_z ${STACK_ZSTD_SHARED})
add_dependencies(kernel_image stack-image)
# The corpus of hostile layers: bombs that a processor unpacks in a moment take an emulated one a quarter of an hour.
stack_test(kernel_image_hostile kernel HOST_ONLY
  SOURCES image_hostile_cases.cpp image_hostile_test.cpp image_tar.cpp
  LIBRARIES stack_image_worker stack_test_support dep_json dep_z ${STACK_ZSTD_SHARED})
# Images on their way out of the store, and the store while several are at work.
stack_test(kernel_image_store kernel HOST_ONLY
  SOURCES image_load_test.cpp image_save_test.cpp image_store_work_test.cpp image_tar.cpp
  LIBRARIES stack_image_worker stack_test_support stack_test_registry dep_json)
add_dependencies(kernel_image_store stack-image)
# Images from and to a real registry, over connections that break, by processes that are killed.
stack_test(kernel_image_registry kernel HOST_ONLY
  SOURCES image_pull_test.cpp image_push_test.cpp
  LIBRARIES stack_image_worker stack_test_support stack_test_registry dep_json)
add_dependencies(kernel_image_registry stack-image)
