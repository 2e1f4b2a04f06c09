stack_test(unit_cgroup unit SOURCES cgroup_mapping_test.cpp cgroup_devices_test.cpp cgroup_stats_test.cpp
  cgroup_systemd_test.cpp LIBRARIES stack_cgroup_systemd)
stack_test(oci_stats_test unit SOURCES oci_stats_test.cpp LIBRARIES stack_oci_stats)
