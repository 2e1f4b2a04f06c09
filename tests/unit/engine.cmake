stack_test(unit_engine unit
  SOURCES engine_cdi_test.cpp engine_data_usage_test.cpp engine_project_scope_test.cpp engine_volume_fill_test.cpp engine_volume_store_test.cpp
  LIBRARIES stack_engine stack_test_support)
