stack_test(network_kernel_test kernel
  SOURCES network_lab.cpp network_hub_test.cpp network_endpoint_test.cpp network_ports_test.cpp network_dns_test.cpp
  LIBRARIES stack_network)
