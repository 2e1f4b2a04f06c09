stack_test(unit_registry unit
  SOURCES registry_credentials_test.cpp registry_endpoint_test.cpp registry_fetcher_test.cpp registry_notes_test.cpp
          registry_wire_test.cpp
  LIBRARIES stack_registry stack_image_worker stack_test_support dep_json)
