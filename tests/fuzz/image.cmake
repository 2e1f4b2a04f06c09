# libFuzzer targets of what reads images. Configure with -DSTACK_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++, build
# fuzz_image_{reference,documents,layer}, run e.g. `fuzz_image_layer COPY_OF_CORPUS tests/fuzz/corpus/image_layer`.
# The sources are built once more, instrumented; libarchive, zlib and zstd are the system's. fuzz_image_layer unpacks for
# real, so it wants root and a file system of memory as TMPDIR. Clang 14 can't build coroutines with AddressSanitizer, so
# what is linked from stack_base is not instrumented.
if(STACK_FUZZ)
  find_package(LibArchive REQUIRED)
  find_package(ZLIB REQUIRED)
  set(image ${PROJECT_SOURCE_DIR}/runtime/image)
  set(documents ${image}/entry_name.cpp ${image}/image_config.cpp ${image}/json_fields.cpp ${image}/manifest.cpp
    ${image}/platform.cpp ${image}/reference.cpp)
  set(reference_sources ${image}/reference.cpp)
  set(documents_sources ${documents})
  set(layer_sources ${image}/archive_reader.cpp ${image}/byte_flow.cpp ${image}/compression.cpp ${image}/entry_name.cpp
    ${image}/layer_unpacker.cpp)
  foreach(part reference documents layer)
    add_executable(fuzz_image_${part} fuzz/image_${part}_fuzz.cpp ${${part}_sources})
    target_compile_options(fuzz_image_${part} PRIVATE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)
    target_link_options(fuzz_image_${part} PRIVATE -fsanitize=fuzzer,address,undefined)
    target_link_libraries(fuzz_image_${part} PRIVATE stack_base dep_json)
  endforeach()
  target_link_libraries(fuzz_image_layer PRIVATE LibArchive::LibArchive ZLIB::ZLIB ${STACK_ZSTD_SHARED})
endif()
