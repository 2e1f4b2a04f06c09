# libFuzzer target of what registries say: fuzz_registry COPY_OF_CORPUS tests/fuzz/corpus/registry
if(STACK_FUZZ)
  set(registry ${PROJECT_SOURCE_DIR}/runtime/image/registry)
  add_executable(fuzz_registry fuzz/registry_fuzz.cpp ${registry}/auth_file.cpp ${registry}/base64.cpp
    ${registry}/challenge.cpp ${registry}/fetch_protocol.cpp ${registry}/http_headers.cpp ${registry}/token.cpp)
  target_compile_options(fuzz_registry PRIVATE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)
  target_link_options(fuzz_registry PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(fuzz_registry PRIVATE stack_image_store dep_json)
endif()
