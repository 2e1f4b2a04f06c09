#include "runtime/pending_process.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/hooks.hpp"
#include "runtime/id_maps.hpp"
#include "runtime/init_child.hpp"
#include "runtime/launch_error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace stack {

SharedTimes::SharedTimes(std::size_t count) : size_{count * sizeof(std::uint64_t)} {
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw_errno("map memory for step times");
    times_ = static_cast<std::uint64_t*>(memory);
}

SharedTimes::SharedTimes(SharedTimes&& other) noexcept
    : times_{std::exchange(other.times_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

SharedTimes& SharedTimes::operator=(SharedTimes&& other) noexcept {
    std::swap(times_, other.times_);
    std::swap(size_, other.size_);
    return *this;
}

SharedTimes::~SharedTimes() {
    if (times_) ::munmap(times_, size_);
}

std::uint64_t monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000000u + static_cast<std::uint64_t>(now.tv_nsec);
}

std::string sync_message(SyncPoint point, std::string_view state_json) {
    if (state_json.size() > kMaxHookState)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the container's state is larger than {} KiB", kMaxHookState / 1024)};
    const auto word = static_cast<std::uint32_t>(point);
    std::string message(sizeof word, '\0');
    std::memcpy(message.data(), &word, sizeof word);
    return message += state_json;
}

PendingProcess::State::~State() {
    if (net_devices && (started || detached)) net_devices->keep();
    if (started || detached || ended || !handle.valid()) return;
    try {
        handle.signal(SIGKILL);
    } catch (const Error&) {  // it is our own child: it can only be gone
    }
    reap();
}

std::optional<int> PendingProcess::State::reap() {
    ended = true;
    if (!reaped_by_us) return std::nullopt;
    siginfo_t info{};
    while (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(handle.pidfd()), &info,
                    WEXITED | __WALL) != 0)
        if (errno != EINTR) return std::nullopt;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void PendingProcess::State::send(SyncPoint point, std::string_view state_json) const {
    const std::string message = sync_message(point, state_json);
    if (::send(channel.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
        errno != ECONNRESET)
        throw_errno("talk to the starting process");  // EPIPE: its own message, or its end, tells why
}

bool PendingProcess::State::readable(int timeout_ms) const {
    pollfd entry{channel.get(), POLLIN, 0};
    int ready;
    do {
        ready = ::poll(&entry, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

void PendingProcess::State::wait_for_end_of_channel() const {
    pollfd entry{channel.get(), POLLRDHUP, 0};
    while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
}

void PendingProcess::State::pump() {
    const auto over = [this] { return started || ended || (at_gate && !own_gate); };
    while (!over() && readable(0)) take_message();
}

namespace {

// A child that has died with a message of ours unread: the kernel tells that first, and once, and then what it had said.
ReceivedMessage receive_report(int channel) {
    try {
        return receive_with_fds(channel, sizeof(ChildReport));
    } catch (const Error& error) {
        if (error.code() != ECONNRESET) throw;
    }
    return receive_with_fds(channel, sizeof(ChildReport));
}

}  // namespace

void PendingProcess::State::take_message() {
    ReceivedMessage message = receive_report(channel.get());
    if (message.bytes.empty()) return end_of_channel();
    ChildReport report;
    std::memcpy(&report, message.bytes.data(), std::min(message.bytes.size(), sizeof report));
    switch (report.kind) {
        case ChildReport::Kind::at_hooks:
            at_hooks = true;
            return;
        case ChildReport::Kind::respawned:
            if (message.fds.empty()) break;
            return take_respawned(std::move(message.fds.front()));
        case ChildReport::Kind::starting:
            break;  // never on this channel
        case ChildReport::Kind::at_gate:
            at_gate = true;
            if (!message.fds.empty()) terminal = std::move(message.fds.front());
            return;
        case ChildReport::Kind::executing:
            executing = true;
            return;
        case ChildReport::Kind::failed:
            reap();
            throw error_of_report(program, report);
    }
    throw Error{ErrorKind::internal, "unknown report of a starting process"};
}

void PendingProcess::State::write_id_maps() const {
    write_id_maps_in_parent(handle.pid(), program.uid_mappings, program.gid_mappings);
    send(SyncPoint::id_maps);
}

// The first process has opened what the container is made of, and another one goes on in its place.
void PendingProcess::State::take_respawned(UniqueFd pidfd) {
    reap();
    ended = false;
    // The number that the first process knows may be one of another pid namespace.
    const std::string info = read_file(fmt::format("/proc/self/fdinfo/{}", pidfd.get()));
    const std::size_t at = info.find("\nPid:\t");
    const auto pid = at == std::string::npos
                         ? std::nullopt
                         : parse_int(std::string_view{info}.substr(at + 6, info.find('\n', at + 1) - at - 6));
    if (!pid || *pid <= 0) throw Error{ErrorKind::failed, "the process ended while it was being set up"};
    handle = ProcessHandle{std::move(pidfd), static_cast<pid_t>(*pid)};
    if (agent_text) agent_text->write(process_state_of_successor(agent_text->text(), handle.pid()));
    const bool new_user = std::any_of(program.steps.begin(), program.steps.end(), [](const Step& step) {
        const auto* respawn = std::get_if<step::Respawn>(&step.action);
        return respawn && (respawn->flags & CLONE_NEWUSER) != 0;
    });
    if (new_user)
        write_id_maps();
    else
        send(SyncPoint::id_maps);
    move_net_devices();
}

bool PendingProcess::State::respawns() const {
    return std::any_of(program.steps.begin(), program.steps.end(),
                       [](const Step& step) { return std::holds_alternative<step::Respawn>(step.action); });
}

void PendingProcess::State::move_net_devices() {
    if (program.net_devices.empty()) return;
    UniqueFd netns = std::move(joined_network);
    if (!netns.valid()) {
        const std::string path = fmt::format("/proc/{}/ns/net", handle.pid());
        netns.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!netns.valid()) throw_errno("open the container's network namespace");
    }
    net_devices = std::make_unique<NetDeviceLoan>(std::move(netns));
    net_devices->move(program.net_devices);
    send(SyncPoint::net_devices);
}

void PendingProcess::State::end_of_channel() {
    if (executing) {
        started = true;
        return;
    }
    const std::optional<int> status = reap();
    Error error{ErrorKind::failed, "the process ended while it was being set up"};
    if (status && *status > 128)
        error = Error{ErrorKind::failed, fmt::format("the process was killed by signal {} "
                                                     "while it was being set up",
                                                     *status - 128)};
    if (status == 128 + SIGSYS)
        error.with_hint("its seccomp profile kills for a system call that starting a process takes");
    if (status == 128 + SIGKILL) error.with_hint("its memory limit may be too small even for the start");
    throw error;
}

PendingProcess::PendingProcess(std::unique_ptr<State> state) : state_{std::move(state)} {}
PendingProcess::PendingProcess(PendingProcess&&) noexcept = default;
PendingProcess& PendingProcess::operator=(PendingProcess&&) noexcept = default;
PendingProcess::~PendingProcess() = default;

pid_t PendingProcess::pid() const {
    return state_->handle.pid();
}
const ProcessHandle& PendingProcess::handle() const {
    return state_->handle;
}
const std::vector<std::string>& PendingProcess::warnings() const {
    return state_->program.warnings;
}
int PendingProcess::wait_fd() const {
    return state_->channel.get();
}

bool PendingProcess::at_gate() {
    if (!state_->at_gate) state_->pump();
    return state_->at_gate;
}

bool PendingProcess::at_hooks() {
    if (!state_->at_hooks) state_->pump();
    return state_->at_hooks;
}

void PendingProcess::hooks_done(std::string_view state_json) {
    if (!state_->at_hooks)
        throw Error{ErrorKind::internal, "a process was sent on from hooks that it does not wait for"};
    state_->send(SyncPoint::hooks, state_json);
    state_->at_hooks = false;
}

std::optional<UniqueFd> PendingProcess::take_terminal() {
    return std::exchange(state_->terminal, std::nullopt);
}

bool PendingProcess::waits_only_at_gate() const {
    const std::vector<Step>& steps = state_->program.steps;
    return state_->own_gate && std::none_of(steps.begin(), steps.end(), [](const Step& step) {
               return std::holds_alternative<step::AwaitParent>(step.action) ||
                      std::holds_alternative<step::Respawn>(step.action);
           });
}

void PendingProcess::release(std::string_view state_json) {
    if (!state_->own_gate || (!state_->at_gate && !waits_only_at_gate()))
        throw Error{ErrorKind::internal, "a process was released that does not wait for its parent"};
    state_->send(SyncPoint::gate, state_json);
}

void PendingProcess::detach() {
    if (!state_->at_gate || state_->own_gate)
        throw Error{ErrorKind::internal, "a process was let go that could not live on"};
    state_->detached = true;
}

bool PendingProcess::started() {
    state_->pump();
    return state_->started;
}

void PendingProcess::wait_for_hooks() {
    while (!at_hooks()) static_cast<void>(state_->readable(-1));
}

void PendingProcess::wait_for_gate() {
    while (!at_gate()) static_cast<void>(state_->readable(-1));
}

// Exec and failure alike end the channel: what the child says on its way there needs nobody to wake up.
void PendingProcess::wait_for_exec() {
    while (!started()) state_->wait_for_end_of_channel();
}

void PendingProcess::wait_until_started() {
    if (!waits_only_at_gate()) wait_for_gate();
    release();
    wait_for_exec();
}

std::vector<PendingProcess::StepTime> PendingProcess::step_times() const {
    std::vector<StepTime> result;
    const std::uint64_t* times = state_->times.get();
    if (!times) return result;
    std::uint64_t last = state_->cloned_at;
    for (std::size_t i = 0; i <= state_->program.steps.size() && times[i] != 0; ++i) {
        const std::string name = i == 0 ? "clone" : step_text(state_->program, state_->program.steps[i - 1]);
        result.push_back({name, std::chrono::nanoseconds{times[i] - last}});
        last = times[i];
    }
    return result;
}

}  // namespace stack
