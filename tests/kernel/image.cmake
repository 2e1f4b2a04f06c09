# The worker on real file systems: hostile layers, and the program as a whole in its sandbox.
stack_test(kernel_image kernel
  SOURCES image_import_test.cpp image_tar.cpp image_unpack_test.cpp
  LIBRARIES stack_image_worker stack_test_support dep_json)
add_dependencies(kernel_image stack-image)
