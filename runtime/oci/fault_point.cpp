#include "runtime/oci/fault_point.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <fcntl.h>
#include <signal.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace stack::oci {

void fault_point(const char* name) {
    if (const char* log = ::getenv("STACK_FAULT_LOG")) {
        const UniqueFd file{::open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)};
        if (!file.valid()) throw_errno(std::string{"open "} + log);
        write_all(file.get(), std::string{name} + "\n", log);
    }
    const char* wanted = ::getenv("STACK_FAULT");
    if (wanted != nullptr && std::string_view{wanted} == name) ::raise(SIGKILL);
}

}  // namespace stack::oci
