// The program `stack-systemd`: asks systemd for one transient unit, as the request on its standard input says (request.hpp).
// A program of its own because libsystemd is loaded at run time, which statically linked programs can't do, and because a
// bus connection has no place in a process that becomes a container. Exit code 1: the answer says why.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/systemd/manager.hpp"
#include "runtime/systemd/request.hpp"

#include <errno.h>
#include <unistd.h>

#include <cstdio>

namespace {

using namespace stack;
using namespace stack::systemd;

std::string read_standard_input() {
    std::string text;
    char buffer[16384];
    for (;;) {
        const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (got == 0) return text;
        if (got > 0)
            text.append(buffer, static_cast<std::size_t>(got));
        else if (errno != EINTR)
            throw_errno("read the request");
    }
}

void perform(const Request& request) {
    Manager manager{request.user};
    switch (request.action) {
        case Request::Action::start:
            manager.reset_failed(request.unit);
            return manager.start_transient_unit(request.unit, request.properties);
        case Request::Action::set:
            return manager.set_properties(request.unit, request.properties);
        case Request::Action::end:
            manager.stop_unit(request.unit);
            return manager.reset_failed(request.unit);
    }
}

}  // namespace

int main(int argc, char**) {
    if (argc != 1) {
        std::fputs("stack-systemd: takes no arguments; stack and stack-runtime run it\n", stderr);
        return 2;
    }
    try {
        perform(parse_request(read_standard_input()));
        return 0;
    } catch (const Error& error) {
        write_all(STDOUT_FILENO, failure_text(error), "standard output");
        return 1;
    }
}
