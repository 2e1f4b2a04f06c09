# Compiler, linker and build-speed settings for every target of the project.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(STACK_CCACHE ccache)
if(STACK_CCACHE)
  # What is the same in two configurations is compiled once, although each has a directory of its own.
  set(CMAKE_C_COMPILER_LAUNCHER env CCACHE_NOHASHDIR=1 ${STACK_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()
find_program(STACK_MOLD mold)
if(STACK_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()

# All symbols are found at the start, and the tables are read-only from then on; a container's process, which is a copy of
# its supervisor's, would find each of them again.
add_link_options(-Wl,-z,relro,-z,now)

if(STACK_UNITY)
  # Sixteen files become one translation unit: names in anonymous namespaces must differ within a target.
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 16)
  # Types of an anonymous namespace inside a file's own Impl: harmless, but GCC sees them in an included file.
  add_compile_options($<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>)
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Werror -fstack-protector-strong)
add_compile_definitions(_GNU_SOURCE)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these inside libstdc++, fmt and (new and delete of coroutine frames) Asio.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized> $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>
                      $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete> $<$<COMPILE_LANGUAGE:CXX>:-Wno-stringop-overflow> $<$<COMPILE_LANGUAGE:CXX>:-Wno-array-bounds>)
endif()
# Static programs have no sanitizer to run in. Tests are not what is examined: what they call is, and without it their
# objects are the same in every configuration, so that ccache compiles them once.
set(STACK_IS_PLAIN "$<OR:$<BOOL:$<TARGET_PROPERTY:STACK_STATIC>>,$<BOOL:$<TARGET_PROPERTY:STACK_TEST>>>")
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT STACK_SANITIZE)
  add_compile_definitions($<$<NOT:$<BOOL:$<TARGET_PROPERTY:STACK_TEST>>>:_FORTIFY_SOURCE=2>)
  # Programs have what they use: each window of a file that a start touches costs a page fault.
  add_compile_options("$<$<NOT:$<BOOL:$<TARGET_PROPERTY:STACK_TEST>>>:-ffunction-sections;-fdata-sections>")
  add_link_options(-Wl,--gc-sections)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT STACK_SANITIZE)
  set(STACK_IS_STATIC "$<BOOL:$<TARGET_PROPERTY:STACK_STATIC>>")
  add_link_options($<$<AND:$<LINK_LANGUAGE:CXX>,$<NOT:${STACK_IS_STATIC}>>:-static-libstdc++>
                   $<$<NOT:${STACK_IS_STATIC}>:-static-libgcc>)
endif()
if(STACK_SANITIZE)
  add_compile_options("$<$<NOT:${STACK_IS_PLAIN}>:-fsanitize=${STACK_SANITIZE};-fno-omit-frame-pointer>")
  add_link_options($<$<NOT:$<BOOL:$<TARGET_PROPERTY:STACK_STATIC>>>:-fsanitize=${STACK_SANITIZE}>)
endif()

# One include root: headers are named from the top of the repository ("runtime/base/error.hpp").
include_directories(${PROJECT_SOURCE_DIR})
