# libFuzzer targets of the Compose loader. Configure with -DSTACK_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++, build
# fuzz_compose_{document,interpolation,dotenv,merge,loader}, run e.g. `fuzz_compose_loader tests/fuzz/corpus/loader`.
# Only the loader is instrumented: clang 14 can't build coroutines (runtime/base/task.cpp) with AddressSanitizer.
if(STACK_FUZZ)
  target_compile_options(stack_compose PRIVATE -fsanitize=address,undefined,fuzzer-no-link)
  target_link_options(stack_compose INTERFACE -fsanitize=address,undefined)
  foreach(part document interpolation dotenv merge loader)
    add_executable(fuzz_compose_${part} fuzz/compose_${part}_fuzz.cpp)
    target_link_libraries(fuzz_compose_${part} PRIVATE stack_compose)
    target_compile_options(fuzz_compose_${part} PRIVATE -fsanitize=address,undefined,fuzzer)
    target_link_options(fuzz_compose_${part} PRIVATE -fsanitize=address,undefined,fuzzer)
  endforeach()
endif()
