// events: what a container uses, and when the kernel runs out of memory for it, as JSON lines until it ends.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/units.hpp"
#include "runtime/oci/commands/commands.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/oci/container_status.hpp"
#include "runtime/oci/stats_json.hpp"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace stack::oci {

namespace {

using SteadyClock = std::chrono::steady_clock;

void print_line(const std::string& event) {
    write_all(STDOUT_FILENO, event + "\n", "standard output");
}

std::chrono::nanoseconds wanted_interval(const Arguments& arguments) {
    const std::string text = arguments.has("interval") ? arguments.text("interval") : "5s";
    const std::optional<std::chrono::nanoseconds> interval = parse_duration(text);
    if (!interval || interval->count() <= 0)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("invalid value \"{}\" for flag --interval: no duration above 0", text)};
    return *interval;
}

// A host without memory controller kills without telling whose process it was.
std::optional<OomWatch> watch_if_counted(const Cgroup& cgroup) {
    try {
        return cgroup.watch_oom();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::not_supported) throw;
        return std::nullopt;
    }
}

int milliseconds_until(SteadyClock::time_point when) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - SteadyClock::now());
    return static_cast<int>(std::clamp<long long>(left.count(), 0, 1'000'000));
}

}  // namespace

int run_events(Program& program, const Arguments& arguments) {
    const std::string& id = arguments.words[0];
    const std::chrono::nanoseconds interval = wanted_interval(arguments);
    const ContainerRecord record = program.store.load(id);
    const std::optional<ProcessHandle> init = find_init(record);
    if (!init) throw Error{ErrorKind::conflict, "container not running"};
    const Cgroup cgroup = need_cgroup(record, program.cgroups(), "events");
    if (arguments.on("stats")) {
        print_line(stats_event(id, cgroup.stats()));
        return 0;
    }
    std::optional<OomWatch> oom = watch_if_counted(cgroup);
    for (auto next = SteadyClock::now() + interval; init->alive();) {
        pollfd fds[] = {{init->pidfd(), POLLIN, 0}, {oom ? oom->fd() : -1, POLLIN, 0}};
        if (::poll(fds, 2, milliseconds_until(next)) < 0 && errno != EINTR)
            throw_errno("wait for the container's events");
        if (fds[1].revents != 0) {
            const OomWatch::News news = oom->take();
            if (news == OomWatch::News::killed) print_line(oom_event(id));
            if (news == OomWatch::News::gone) return 0;
        }
        if (fds[0].revents == 0 && SteadyClock::now() >= next) {
            print_line(stats_event(id, cgroup.stats()));
            next += interval;
        }
    }
    return 0;
}

}  // namespace stack::oci
