# Finds the libraries the project uses. Those that Debian ships as .a are linked statically, so that `stack`
# starts in a few milliseconds and runs where only libc is installed. fmt and spdlog are compiled in (runtime/base).
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)

function(stack_static_library target archive)
  find_library(${target}_ARCHIVE NAMES ${archive} REQUIRED)
  add_library(${target} INTERFACE)
  target_link_libraries(${target} INTERFACE ${${target}_ARCHIVE} ${ARGN})
endfunction()

stack_static_library(dep_yaml_cpp libyaml-cpp.a)
stack_static_library(dep_seccomp libseccomp.a)
stack_static_library(dep_cap libcap.a)
stack_static_library(dep_crypto libcrypto.a Threads::Threads ${CMAKE_DL_LIBS})
stack_static_library(dep_zstd libzstd.a)
stack_static_library(dep_z libz.a)

# Boost.Asio, compiled once in runtime/base/asio_impl.cpp.
add_library(dep_asio INTERFACE)
target_compile_definitions(dep_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(dep_asio INTERFACE Threads::Threads)

add_library(dep_json INTERFACE)
target_compile_definitions(dep_json INTERFACE JSON_DIAGNOSTICS=0)
target_link_libraries(dep_json INTERFACE nlohmann_json::nlohmann_json)
