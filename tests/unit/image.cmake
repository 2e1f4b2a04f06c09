stack_test(unit_image unit
  SOURCES image_compression_test.cpp image_config_test.cpp image_download_test.cpp image_entry_name_test.cpp image_facts_test.cpp image_layer_import_test.cpp
          image_manifest_test.cpp image_reference_test.cpp image_source_test.cpp image_store_gc_test.cpp image_store_test.cpp image_store_usage_test.cpp
  LIBRARIES stack_image_worker stack_test_support dep_json)
