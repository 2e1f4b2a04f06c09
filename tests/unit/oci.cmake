stack_test(oci_unit_test unit
  SOURCES oci_config_test.cpp oci_flags_test.cpp oci_record_test.cpp oci_update_test.cpp
  LIBRARIES stack_oci dep_json)
