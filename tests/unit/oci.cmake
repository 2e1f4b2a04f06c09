stack_test(oci_unit_test unit SOURCES oci_config_test.cpp LIBRARIES stack_oci_config dep_json)
