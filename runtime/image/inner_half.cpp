#include "runtime/image/inner_half.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/image/archive_reader.hpp"
#include "runtime/image/interrupts.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/layer_events.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxEventLine = 16u << 20;

int run_body(const std::function<void(EventWriter&)>& body, int event_fd) {
    EventWriter events{event_fd};
    try {
        body(events);
        return 0;
    } catch (const Error& error) {
        events.error(error);
    } catch (const std::bad_alloc&) {
        events.error(Error{ErrorKind::failed, "the image needs more memory than the worker may use"});
    } catch (const std::exception& error) {
        events.error(Error{ErrorKind::internal, error.what()});
    }
    return 1;
}

// Calls `each` for every line until the other end closes.
void for_each_line(int fd, const std::function<void(std::string_view)>& each) {
    std::string pending;
    std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_errno("read from the image worker");
        if (got == 0) return;
        pending.append(buffer.data(), static_cast<std::size_t>(got));
        if (pending.size() > kMaxEventLine)
            throw Error{ErrorKind::internal, "the image worker's answer is too long"};
        for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
            each(std::string_view{pending}.substr(0, end));
    }
}

// What the inner half says, passed on or kept.
class Conversation {
  public:
    Conversation(const InnerHalf& half, EventWriter& events) : half_{half}, events_{events} {}

    void hear(std::string_view line) {
        const json event = json_fields::parse_object(line, "the image worker's answer", kMaxEventLine);
        const std::string kind = json_fields::string(event, "event");
        if (kind == "progress") {
            events_.progress(json_fields::string(event, "phase"), number(event, "done"),
                             number(event, "total"));
        } else if (kind == "warning") {
            events_.warning(json_fields::string(event, "message"));
        } else if (kind == "layer") {
            hear_layer(event);
        } else if (kind == "retry") {
            events_.retry(json_fields::string(event, "message"), seconds_of(event));
        } else if (kind == "staged") {
            answered_ = true;
            half_.staged(event);
        } else if (kind == "error") {
            error_ = error_of_event(event);
        }
    }

    void conclude(int wait_status) const {
        if (interrupted()) throw Error{ErrorKind::cancelled, "interrupted; the store is as it was"};
        if (error_) throw *error_;
        if (WIFSIGNALED(wait_status))
            throw Error{ErrorKind::failed,
                        fmt::format("the image worker was killed by signal {}", WTERMSIG(wait_status))};
        if (!answered_) throw Error{ErrorKind::internal, "the image worker ended without an answer"};
    }

  private:
    void hear_layer(const json& event) {
        const std::string id = json_fields::string(event, "id"), state = json_fields::string(event, "state");
        if (!is_short_layer_id(id) || !is_layer_state(state))
            throw Error{ErrorKind::internal, "the image worker told of no layer"};
        events_.write({{"event", "layer"},
                       {"id", id},
                       {"state", state},
                       {"done", number(event, "done")},
                       {"total", number(event, "total")}});
    }

    static std::chrono::milliseconds seconds_of(const json& event) {
        constexpr double kLongest = 24 * 3600;
        const json* seconds = json_fields::find(event, "in");
        const double wait = seconds != nullptr && seconds->is_number() ? seconds->get<double>() : 0.0;
        return std::chrono::milliseconds{static_cast<std::int64_t>(std::clamp(wait, 0.0, kLongest) * 1000)};
    }

    static std::uint64_t number(const json& event, std::string_view key) {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(json_fields::integer(event, key), 0));
    }

    const InnerHalf& half_;
    EventWriter& events_;
    bool answered_ = false;
    std::optional<Error> error_;
};

}  // namespace

void run_inner_half(const InnerHalf& half, EventWriter& events) {
    // Loaded while the file system is still whole: locale data, OpenSSL's configuration.
    prepare_archive_locale();
    static_cast<void>(sha256_digest({}));
    Pipe pipe = make_pipe();
    SandboxPlan plan = half.plan;
    plan.keep_fds.push_back(pipe.write.get());
    watch_interrupts();
    const ProcessHandle inner = start_sandboxed(plan, [&] { return run_body(half.body, pipe.write.get()); });
    const KillOnInterrupt watch{inner};
    pipe.write.reset();
    Conversation conversation{half, events};
    try {
        for_each_line(pipe.read.get(), [&](std::string_view line) { conversation.hear(line); });
    } catch (...) {
        inner.signal(SIGKILL);
        wait_for_exit(inner);
        throw;
    }
    conversation.conclude(wait_for_exit(inner));
}

}  // namespace stack::image
