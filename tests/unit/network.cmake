stack_test(network_unit_test unit
  SOURCES network_ipam_test.cpp network_ruleset_test.cpp network_dns_message_test.cpp network_dns_zone_test.cpp
          network_store_test.cpp
  LIBRARIES stack_network stack_test_support)
