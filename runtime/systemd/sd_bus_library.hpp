// The functions of libsystemd's sd-bus(3) that `Manager` calls, found by dlopen(3). Part of the implementation.
#pragma once

#include <systemd/sd-bus.h>

namespace stack::systemd {

#define STACK_SD_BUS_FUNCTIONS(X)     \
    X(sd_bus_open_system)             \
    X(sd_bus_open_user)               \
    X(sd_bus_flush_close_unref)       \
    X(sd_bus_match_signal)            \
    X(sd_bus_slot_unref)              \
    X(sd_bus_process)                 \
    X(sd_bus_wait)                    \
    X(sd_bus_call)                    \
    X(sd_bus_error_free)              \
    X(sd_bus_error_has_name)          \
    X(sd_bus_message_new_method_call) \
    X(sd_bus_message_unref)           \
    X(sd_bus_message_open_container)  \
    X(sd_bus_message_close_container) \
    X(sd_bus_message_append_basic)    \
    X(sd_bus_message_append_array)    \
    X(sd_bus_message_read_basic)

/// Pointers with the types and names of the functions themselves.
struct SdBusLibrary {
#define STACK_SD_BUS_MEMBER(name) decltype(&::name) name = nullptr;
    STACK_SD_BUS_FUNCTIONS(STACK_SD_BUS_MEMBER)
#undef STACK_SD_BUS_MEMBER
};

/// Loads the library, which stays loaded as long as the process lives. Throws Error(not_supported).
SdBusLibrary load_sd_bus();

}  // namespace stack::systemd
