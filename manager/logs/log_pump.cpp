#include "manager/logs/log_pump.hpp"

#include "manager/logs/log_writer.hpp"
#include "runtime/base/clock.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <fmt/format.h>

namespace stack::logs {

namespace {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;

constexpr std::size_t kChunk = 1u << 20;  // at most so much in one splice
constexpr auto kGatherTime = std::chrono::microseconds{300};
constexpr auto kRetryTime = std::chrono::milliseconds{500};
constexpr int kChunksInARow = 16;  // of one stream before the others get their turn

struct Job;

// One descriptor that output comes from. Either armed in epoll (idle) or in the list of active streams with a time.
struct Stream {
    Job* job = nullptr;
    LogStream kind = LogStream::out;
    UniqueFd pipe;
    UniqueFd terminal, into_pipe;  // of a terminal: its bytes go through `pipe`
    bool terminal_ended = false;
    bool ended = false;
    bool active = false;
    TimePoint due{};
    std::size_t small_chunk = 0;  // below this, gathering pays

    [[nodiscard]] int watched() const { return terminal.valid() ? terminal.get() : pipe.get(); }
};

struct Job {
    std::string id;
    LogWriter writer;
    std::vector<std::unique_ptr<Stream>> streams;
    bool in_trouble = false;
    [[nodiscard]] bool done() const {
        return std::all_of(streams.begin(), streams.end(), [](const auto& stream) { return stream->ended; });
    }
};

std::size_t bytes_waiting(int pipe) {
    int count = 0;
    return ::ioctl(pipe, FIONREAD, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
}

// True when no writer is left and nothing is to be read.
bool at_end(int pipe) {
    pollfd entry{pipe, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN) == 0 &&
           (entry.revents & (POLLHUP | POLLERR)) != 0;
}

// From the pty to the held pipe. Never blocks: the master is non-blocking, and a full pipe waits for its turn.
void drain_terminal(Stream& stream) {
    for (int round = 0; round < kChunksInARow && !stream.terminal_ended; ++round) {
        const ssize_t moved = ::splice(stream.terminal.get(), nullptr, stream.into_pipe.get(), nullptr, 65536,
                                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (moved > 0) continue;
        if (moved < 0 && (errno == EAGAIN || errno == EINTR)) return;
        stream.terminal_ended = true;  // EIO: the last slave is closed
    }
}

}  // namespace

struct LogPump::Impl {
    Impl(Finished finished, Trouble trouble) : finished_{std::move(finished)}, trouble_{std::move(trouble)} {
        epoll_ = UniqueFd{::epoll_create1(EPOLL_CLOEXEC)};
        if (!epoll_.valid()) throw_errno("create epoll");
        wake_ = UniqueFd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        if (!wake_.valid()) throw_errno("create eventfd");
        epoll_event event{};
        event.events = EPOLLIN;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) throw_errno("watch eventfd");
        sigset_t all, before;  // the thread takes no signals: they are the program's
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        thread_ = std::thread{[this] { run(); }};
        ::pthread_setname_np(thread_.native_handle(), "log-pump");
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    ~Impl() {
        {
            const std::lock_guard lock{mutex_};
            stop_ = true;
        }
        wake();
        thread_.join();
    }

    // ---- Any thread ----

    void wake() {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t done = ::write(wake_.get(), &one, sizeof one);
    }
    void add(std::unique_ptr<Job> job) {
        {
            const std::lock_guard lock{mutex_};
            if (!ids_.insert(job->id).second)
                throw Error{ErrorKind::internal, fmt::format("log of '{}' is pumped already", job->id)};
            arriving_.push_back(std::move(job));
        }
        wake();
    }
    void remove(const std::string& id) {
        std::promise<void> done;
        std::future<void> finished = done.get_future();
        {
            const std::lock_guard lock{mutex_};
            if (!ids_.contains(id)) return;
            leaving_.emplace_back(id, std::move(done));
        }
        wake();
        finished.wait();
    }

    // ---- The pump's thread ----

    void run() {
        std::array<epoll_event, 64> events{};
        while (take_orders()) {
            const TimePoint now = SteadyClock::now();
            serve_active(now);
            finish_jobs();
            const timespec timeout = time_to_next();
            const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                             active_.empty() ? nullptr : &timeout, nullptr);
            for (int i = 0; i < count; ++i) {
                if (auto* stream = static_cast<Stream*>(events[static_cast<std::size_t>(i)].data.ptr)) {
                    activate(*stream, TimePoint{});
                } else {
                    std::uint64_t ignored;
                    [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &ignored, sizeof ignored);
                }
            }
        }
    }

    // False when it is time to stop.
    bool take_orders() {
        std::vector<std::unique_ptr<Job>> arriving;
        std::vector<std::pair<std::string, std::promise<void>>> leaving;
        {
            const std::lock_guard lock{mutex_};
            if (stop_) {
                for (auto& [id, done] : leaving_) done.set_value();
                leaving_.clear();
                return false;
            }
            arriving.swap(arriving_);
            leaving.swap(leaving_);
        }
        for (std::unique_ptr<Job>& job : arriving) start(std::move(job));
        for (auto& [id, done] : leaving) {
            if (const auto at = jobs_.find(id); at != jobs_.end()) {
                for (const auto& stream : at->second->streams)
                    if (!stream->ended) serve(*stream, SteadyClock::now());
                forget(id);
            }
            done.set_value();
        }
        return true;
    }

    void start(std::unique_ptr<Job> job) {
        for (const std::unique_ptr<Stream>& stream : job->streams) {
            epoll_event event{};
            event.events = EPOLLONESHOT;
            event.data.ptr = stream.get();
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stream->watched(), &event);
            activate(*stream, TimePoint{});
        }
        std::string id = job->id;
        jobs_.emplace(std::move(id), std::move(job));
    }

    void forget(const std::string& id) {
        const auto at = jobs_.find(id);
        for (const std::unique_ptr<Stream>& stream : at->second->streams) {
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, stream->watched(), nullptr);
            std::erase(active_, stream.get());
        }
        jobs_.erase(at);
        const std::lock_guard lock{mutex_};
        ids_.erase(id);
    }

    void activate(Stream& stream, TimePoint due) {
        stream.due = due;
        if (stream.active || stream.ended) return;
        stream.active = true;
        active_.push_back(&stream);
    }

    // Out of the active list, into epoll. One-shot, so that a line-at-a-time writer does not wake us while we gather.
    void rest(Stream& stream) {
        stream.active = false;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLONESHOT;
        event.data.ptr = &stream;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, stream.watched(), &event);
    }

    void serve_active(TimePoint now) {
        for (std::size_t i = 0; i < active_.size(); ++i)
            if (active_[i]->due <= now) serve(*active_[i], now);
        std::erase_if(active_, [](const Stream* stream) { return !stream->active; });
    }

    void serve(Stream& stream, TimePoint now) {
        try {
            for (int i = 0; i < kChunksInARow; ++i)
                if (!move_chunk(stream, now)) break;
            stream.job->in_trouble = false;
        } catch (const Error& error) {
            stream.due = now + kRetryTime;
            if (!std::exchange(stream.job->in_trouble, true) && trouble_) trouble_(stream.job->id, error);
        }
    }

    // One splice. False when the stream has to wait (its `due` is set), rests, or has ended. Throws Error.
    bool move_chunk(Stream& stream, TimePoint now) {
        if (stream.terminal.valid()) drain_terminal(stream);
        LogWriter& writer = stream.job->writer;
        if (bytes_waiting(stream.pipe.get()) == 0) {
            if (stream.terminal.valid() ? stream.terminal_ended : at_end(stream.pipe.get())) {
                writer.mark_end(stream.kind, wall_clock_ns());
                stream.ended = some_ended_ = true;
                stream.active = false;
                ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, stream.watched(), nullptr);
            } else {
                rest(stream);
            }
            return false;
        }
        const std::size_t room = std::min(writer.announce(stream.kind, wall_clock_ns()), kChunk);
        auto offset = static_cast<off_t>(writer.offset());
        const ssize_t moved = ::splice(stream.pipe.get(), nullptr, writer.fd(), &offset, room,
                                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (moved < 0) {
            if (errno == EINTR) return true;
            throw_errno("write log file");
        }
        writer.advance(static_cast<std::size_t>(moved));
        const auto count = static_cast<std::size_t>(moved);
        if (count >= std::min(room, stream.small_chunk)) {
            stream.due = now;
            return true;
        }
        stream.due = SteadyClock::now() + kGatherTime;
        return false;
    }

    void finish_jobs() {
        if (!std::exchange(some_ended_, false)) return;
        std::vector<std::string> done;
        for (const auto& [id, job] : jobs_)
            if (job->done()) done.push_back(id);
        for (const std::string& id : done) {
            forget(id);
            if (finished_) finished_(id);
        }
    }

    timespec time_to_next() const {
        TimePoint next = TimePoint::max();
        for (const Stream* stream : active_) next = std::min(next, stream->due);
        const auto left =
            std::max<std::chrono::nanoseconds>(next - SteadyClock::now(), std::chrono::nanoseconds{0});
        return {static_cast<time_t>(left.count() / 1'000'000'000),
                static_cast<long>(left.count() % 1'000'000'000)};
    }

    Finished finished_;
    Trouble trouble_;
    UniqueFd epoll_, wake_;

    std::mutex mutex_;  // over the next four
    bool stop_ = false;
    std::set<std::string> ids_;
    std::vector<std::unique_ptr<Job>> arriving_;
    std::vector<std::pair<std::string, std::promise<void>>> leaving_;

    std::map<std::string, std::unique_ptr<Job>> jobs_;
    std::vector<Stream*> active_;
    bool some_ended_ = false;
    std::thread thread_;
};

namespace {

std::unique_ptr<Stream> make_stream(Job& job, LogStream kind, UniqueFd pipe) {
    auto stream = std::make_unique<Stream>();
    stream->job = &job;
    stream->kind = kind;
    stream->pipe = std::move(pipe);
    const int capacity = ::fcntl(stream->pipe.get(), F_GETPIPE_SZ);
    if (capacity < 0) throw_errno("container output is not a pipe");
    stream->small_chunk = static_cast<std::size_t>(capacity) / 4;
    return stream;
}

}  // namespace

LogPump::LogPump(Finished finished, Trouble trouble)
    : impl_{std::make_unique<Impl>(std::move(finished), std::move(trouble))} {}

LogPump::~LogPump() = default;

void LogPump::add(const std::string& id, const LogTarget& target, LogStreams streams) {
    auto job = std::make_unique<Job>(Job{id, LogWriter{target}, {}, false});
    if (streams.out.valid())
        job->streams.push_back(make_stream(*job, LogStream::out, std::move(streams.out)));
    if (streams.err.valid())
        job->streams.push_back(make_stream(*job, LogStream::err, std::move(streams.err)));
    if (streams.terminal.valid()) {
        auto stream = make_stream(*job, LogStream::out, std::move(streams.terminal_pipe.read));
        set_nonblocking(streams.terminal.get(), true);
        stream->terminal = std::move(streams.terminal);
        stream->into_pipe = std::move(streams.terminal_pipe.write);
        job->streams.push_back(std::move(stream));
    }
    impl_->add(std::move(job));
}

void LogPump::remove(const std::string& id) {
    impl_->remove(id);
}

Pipe make_log_pipe() {
    Pipe pipe = make_pipe();
    // Enough for what a fast writer writes while we gather, and still in the cache when it is moved: measured, 1 MiB
    // is slower. Refused beyond the user's share of pipe memory; then it stays at 64 KiB.
    ::fcntl(pipe.write.get(), F_SETPIPE_SZ, 256 << 10);
    return pipe;
}

}  // namespace stack::logs
