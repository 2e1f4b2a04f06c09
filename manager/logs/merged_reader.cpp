// Several logs in one stream of lines, and the waiting for more by inotify(7).
#include "manager/logs/log_reader.hpp"
#include "runtime/base/error.hpp"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace stack::logs {

namespace {

// Before Linux 6.4 splice(2) tells nobody; the index entry before it does, but a moment too early.
constexpr int kLookAgainMs = 100;

struct Source {
    LogSource where;
    LogReader reader;
    std::optional<LogLine> line{};  // read ahead
    bool look = true;               // may have more
    bool watched = false;
};

}  // namespace

struct MergedReader::Impl {
    explicit Impl(const LogReadOptions& options) : options_{options}, follow_{options.follow} {
        if (!follow_) return;
        inotify_ = UniqueFd{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
        if (!inotify_.valid()) throw_errno("watch logs");
    }

    std::size_t add(const LogSource& where, const LogReadOptions& options) {
        sources_.push_back({where, LogReader{where.directory, where.name, options}});
        watch(sources_.back());
        return sources_.size() - 1;
    }

    void watch(Source& source) {
        if (!inotify_.valid() || source.watched) return;
        source.watched = ::inotify_add_watch(inotify_.get(), source.where.directory.c_str(),
                                             IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) >= 0;
    }

    // The line given last stays valid until now; only then its source reads on.
    std::optional<Line> next() {
        if (given_) {
            sources_[*given_].line.reset();
            given_.reset();
        }
        const Source* first = nullptr;
        for (Source& source : sources_) {
            if (!source.line && source.look) {
                source.line = source.reader.next();
                source.look = source.line.has_value();
            }
            if (source.line && (first == nullptr || source.line->time_ns < first->line->time_ns))
                first = &source;
        }
        if (first == nullptr) return std::nullopt;
        given_ = static_cast<std::size_t>(first - sources_.data());
        return Line{*given_, *first->line};
    }

    void look_everywhere() {
        for (Source& source : sources_) {
            source.look = true;
            watch(source);  // its directory may have come meanwhile
        }
    }

    bool take_events() {
        alignas(inotify_event) std::array<char, 16384> events;
        bool any = false;
        while (inotify_.valid() && ::read(inotify_.get(), events.data(), events.size()) > 0) any = true;
        return any;
    }

    bool wait(int timeout_ms) {
        pollfd entry{inotify_.get(), POLLIN, 0};
        const bool for_ever = timeout_ms < 0;
        const int pause = for_ever ? kLookAgainMs : std::min(timeout_ms, kLookAgainMs);
        const int ready = ::poll(&entry, 1, pause);
        const bool changed = take_events() || ready > 0;
        look_everywhere();
        return changed || for_ever || timeout_ms > kLookAgainMs;
    }

    LogReadOptions options_;
    bool follow_;
    UniqueFd inotify_;
    std::vector<Source> sources_;
    std::optional<std::size_t> given_;
};

MergedReader::MergedReader(const LogReadOptions& options) : impl_{std::make_unique<Impl>(options)} {}
MergedReader::~MergedReader() = default;

std::size_t MergedReader::add(const LogSource& source, const std::optional<LogReadOptions>& options) {
    return impl_->add(source, options.value_or(impl_->options_));
}
std::optional<MergedReader::Line> MergedReader::next() {
    return impl_->next();
}
bool MergedReader::wait(int timeout_ms) {
    return impl_->wait(timeout_ms);
}
int MergedReader::wait_fd() const {
    return impl_->inotify_.get();
}
void MergedReader::stop_following() {
    impl_->follow_ = false;
    for (Source& source : impl_->sources_) {
        source.reader.stop_following();
        source.look = true;
    }
}

}  // namespace stack::logs
