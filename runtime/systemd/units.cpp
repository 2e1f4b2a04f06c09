#include "runtime/systemd/units.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/systemd/request.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack::systemd {

namespace {

constexpr int kLimitMs = 75'000;  // two jobs of 30 s, and the bus

// A file rather than a pipe: nobody has to write while the program runs.
UniqueFd as_input(const std::string& text) {
    UniqueFd file{::memfd_create("request", MFD_CLOEXEC)};
    if (!file.valid()) throw_errno("create a file in memory");
    write_all(file.get(), text, "a file in memory");
    if (::lseek(file.get(), 0, SEEK_SET) != 0) throw_errno("rewind a file in memory");
    return file;
}

void ask(const Bus& bus, const Request& request) {
    const UniqueFd input = as_input(request_text(request));
    CommandResult done;
    try {
        done = run_command({.argv = {bus.program}, .env = {}, .fds = {input.get()}, .working_dir = {}},
                           kLimitMs);
    } catch (Error& error) {
        error.add_context("ask systemd");
        throw;
    }
    if (done.exit_code == 0) return;
    if (!done.out.empty()) throw parse_failure(done.out);
    throw Error{ErrorKind::failed,
                fmt::format("'{}' ended with {}: {}", bus.program, done.exit_code, trim(done.err))};
}

}  // namespace

void start_unit(const Bus& bus, const std::string& unit, const std::vector<Property>& properties) {
    ask(bus, {Request::Action::start, unit, bus.user, properties});
}

void set_unit_properties(const Bus& bus, const std::string& unit, const std::vector<Property>& properties) {
    ask(bus, {Request::Action::set, unit, bus.user, properties});
}

void end_unit(const Bus& bus, const std::string& unit) {
    ask(bus, {Request::Action::end, unit, bus.user, {}});
}

}  // namespace stack::systemd
