#include "runtime/systemd/sd_bus_library.hpp"

#include "runtime/base/error.hpp"

#include <dlfcn.h>

#include <fmt/format.h>

namespace stack::systemd {

SdBusLibrary load_sd_bus() {
    void* handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
        throw Error{ErrorKind::not_supported, fmt::format("load libsystemd: {}", ::dlerror())}.with_hint(
            "without systemd, leave --systemd-cgroup away: cgroups are then made as files");
    SdBusLibrary library;
    const auto find = [handle](const char* name) {
        void* symbol = ::dlsym(handle, name);
        if (symbol == nullptr)
            throw Error{ErrorKind::not_supported, fmt::format("this libsystemd has no function {}", name)};
        return symbol;
    };
#define STACK_SD_BUS_FIND(name) library.name = reinterpret_cast<decltype(library.name)>(find(#name));
    STACK_SD_BUS_FUNCTIONS(STACK_SD_BUS_FIND)
#undef STACK_SD_BUS_FIND
    return library;
}

}  // namespace stack::systemd
