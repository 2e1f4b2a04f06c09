# libFuzzer target of what reads config.json. Configure with -DSTACK_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++, build
# fuzz_oci_config, run `fuzz_oci_config COPY_OF_CORPUS tests/golden/oci/configs`.
if(STACK_FUZZ)
  set(oci ${PROJECT_SOURCE_DIR}/runtime/oci)
  add_executable(fuzz_oci_config fuzz/oci_config_fuzz.cpp
    ${oci}/config_reader.cpp ${oci}/config_writer.cpp ${oci}/json_members.cpp ${oci}/json_node.cpp ${oci}/read_hooks.cpp
    ${oci}/read_linux.cpp ${oci}/read_mounts.cpp ${oci}/read_process.cpp ${oci}/read_resources.cpp ${oci}/read_seccomp.cpp
    ${oci}/write_linux.cpp ${oci}/write_process.cpp ${oci}/write_resources.cpp)
  target_compile_options(fuzz_oci_config PRIVATE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)
  target_link_options(fuzz_oci_config PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(fuzz_oci_config PRIVATE stack_runtime dep_json)
endif()
