# libFuzzer target of the DNS codec and zone: fuzz_dns COPY_OF_CORPUS tests/fuzz/corpus/dns
if(STACK_FUZZ)
  add_executable(fuzz_dns fuzz/dns_fuzz.cpp ${PROJECT_SOURCE_DIR}/network/dns_message.cpp
    ${PROJECT_SOURCE_DIR}/network/dns_zone.cpp ${PROJECT_SOURCE_DIR}/network/ipam.cpp)
  target_compile_options(fuzz_dns PRIVATE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)
  target_link_options(fuzz_dns PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(fuzz_dns PRIVATE stack_base)
endif()
