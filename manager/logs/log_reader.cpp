#include "manager/logs/log_reader.hpp"

#include "manager/logs/log_generation.hpp"
#include "manager/logs/log_position.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace stack::logs {

namespace {
constexpr std::size_t kBuffer = 256u << 10;
std::size_t slot(LogStream stream) {
    return static_cast<std::size_t>(stream);
}
}  // namespace

struct LogReader::Impl {
    Impl(std::string directory, std::string name, const LogReadOptions& options)
        : directory_{std::move(directory)},
          name_{std::move(name)},
          options_{options},
          follow_{options.follow} {
        locate();
    }

    // ---- Where to begin ----

    Generations open_all() const {
        Generations result;
        for (const std::uint64_t number : list_generations(directory_, name_))
            if (auto generation = LogGeneration::open(directory_, name_, number))
                result.push_back(std::move(generation));
        return result;
    }

    void locate() {
        Generations generations = open_all();
        if (generations.empty()) {
            ended_ = !follow_;
            return;
        }
        last_number_ = generations.back()->number();
        LogPosition start{};
        const LogPosition end = end_position(generations, options_.until_ns);
        if (options_.tail) start = begin_of_tail(generations, *options_.tail, end);
        if (options_.since_ns) start = std::max(start, since_position(generations, *options_.since_ns, end));
        if (start != LogPosition{})
            for (const LogStream stream : {LogStream::out, LogStream::err}) {
                UnfinishedLine line = unfinished(generations, stream, start);
                pending_[slot(stream)] = {std::move(line.text), line.time_ns};
            }
        current_ = std::move(generations[start.generation]);
        entry_ = start.entry;
        offset_ = start.offset;
    }

    // Lines that are unfinished at the end count, unless they are waited for.
    LogPosition begin_of_tail(const Generations& generations, std::size_t lines, const LogPosition& end) {
        if (!follow_) {
            const std::array<UnfinishedLine, 2> last{unfinished(generations, LogStream::out, end),
                                                     unfinished(generations, LogStream::err, end)};
            const std::size_t count = std::size_t{!last[0].text.empty()} + std::size_t{!last[1].text.empty()};
            if (lines == 0) ended_ = true;
            if (lines == 1 && count == 2) drop_at_end_[last[0].time_ns <= last[1].time_ns ? 0 : 1] = true;
            lines -= std::min(lines, count);
        }
        return tail_position(generations, lines, end);
    }

    // ---- Lines ----

    std::optional<LogLine> next() {
        while (!ended_) {
            if (std::optional<LogLine> line = next_whole()) {
                if (options_.since_ns && line->time_ns < *options_.since_ns) continue;
                return line;
            }
            if (past_until_ || (!follow_ && at_end_)) return next_at_end();
            if (!advance()) {
                at_end_ = true;
                if (follow_) return std::nullopt;
            }
        }
        return std::nullopt;
    }

    // The next line that the known bytes finish.
    std::optional<LogLine> next_whole() {
        while (current_ && entry_ < current_->entries().size()) {
            const IndexEntry& entry = current_->entries()[entry_];
            if (options_.until_ns && entry.time_ns > *options_.until_ns) {
                past_until_ = true;
                return std::nullopt;
            }
            if (entry.end_mark()) {
                go_to_entry(entry_ + 1);
                if (!pending_[slot(entry.stream())].text.empty()) return take_pending(entry.stream(), true);
                continue;
            }
            if (std::optional<LogLine> line = next_in_entry(entry)) return line;
            if (entry_ + 1 == current_->entries().size()) return std::nullopt;  // it may still grow
            go_to_entry(entry_ + 1);
        }
        return std::nullopt;
    }

    std::optional<LogLine> next_in_entry(const IndexEntry& entry) {
        const std::uint64_t end = current_->end_of(entry_);
        Pending& pending = pending_[slot(entry.stream())];
        while (offset_ < end) {
            const std::string_view bytes = bytes_at_offset(end);
            if (bytes.empty()) return std::nullopt;  // cut behind our back
            const std::size_t newline = bytes.find('\n');
            const std::size_t length = std::min(newline, bytes.size());
            pending.time_ns = entry.time_ns;
            if (pending.text.size() + length > kMaxLineBytes) {
                const std::size_t room = kMaxLineBytes - std::min(pending.text.size(), kMaxLineBytes);
                pending.text.append(bytes.substr(0, room));
                offset_ += room;
                return take_pending(entry.stream(), true);
            }
            if (newline == std::string_view::npos) {
                pending.text.append(bytes);
                offset_ += length;
                continue;
            }
            offset_ += length + 1;
            if (pending.text.empty())
                return LogLine{entry.time_ns, entry.stream(), bytes.substr(0, length), false};
            pending.text.append(bytes.substr(0, length));
            return take_pending(entry.stream(), false);
        }
        return std::nullopt;
    }

    LogLine take_pending(LogStream stream, bool partial) {
        Pending& pending = pending_[slot(stream)];
        line_.swap(pending.text);
        pending.text.clear();
        return {pending.time_ns, stream, line_, partial};
    }

    // What is unfinished when nothing more will be read, the older first.
    std::optional<LogLine> next_at_end() {
        for (std::size_t i = 0; i < 2; ++i)
            if (drop_at_end_[i] || (options_.since_ns && pending_[i].time_ns < *options_.since_ns))
                pending_[i].text.clear();
        const bool out = !pending_[0].text.empty(), err = !pending_[1].text.empty();
        if (!out && !err) {
            ended_ = true;
            return std::nullopt;
        }
        const bool first_is_out = out && (!err || pending_[0].time_ns <= pending_[1].time_ns);
        return take_pending(first_is_out ? LogStream::out : LogStream::err, true);
    }

    // ---- Bytes ----

    void go_to_entry(std::size_t index) {
        entry_ = index;
        if (index < current_->entries().size()) offset_ = current_->entries()[index].offset();
    }

    // From the current offset up to `end` at most; valid until the next call.
    std::string_view bytes_at_offset(std::uint64_t end) {
        if (offset_ < buffer_begin_ || offset_ >= buffer_begin_ + buffer_size_) {
            buffer_.resize(kBuffer);
            buffer_begin_ = offset_;
            buffer_size_ = current_->read(
                offset_, buffer_.data(),
                static_cast<std::size_t>(std::min<std::uint64_t>(kBuffer, current_->size() - offset_)));
        }
        const std::size_t from = static_cast<std::size_t>(offset_ - buffer_begin_);
        return std::string_view{buffer_.data(), buffer_size_}.substr(from,
                                                                     static_cast<std::size_t>(end - offset_));
    }

    // More bytes, or the next generation; false at the end of what there is now.
    bool advance() {
        if (current_ && (follow_ || current_->number() < last_number_) && look_again()) return true;
        for (;;) {
            const std::vector<std::uint64_t> present = list_generations(directory_, name_);
            const auto newer = current_ ? std::upper_bound(present.begin(), present.end(), current_->number())
                                        : present.begin();
            if (newer == present.end() || (!follow_ && *newer > last_number_)) return false;
            // It was made after the last byte went into ours: now ours is complete.
            if (current_ && look_again()) return true;
            std::unique_ptr<LogGeneration> next = LogGeneration::open(directory_, name_, *newer);
            if (!next) continue;  // removed while we looked
            if (current_) skipped_ += *newer - current_->number() - 1;
            current_ = std::move(next);
            buffer_size_ = 0;
            offset_ = 0;
            go_to_entry(0);
            return true;
        }
    }

    bool look_again() {
        const bool waiting_for_entry = entry_ >= current_->entries().size();
        if (!current_->refresh()) return false;
        if (waiting_for_entry) go_to_entry(entry_);
        return true;
    }

    void stop_following() {
        if (!std::exchange(follow_, false)) return;
        const std::vector<std::uint64_t> present = list_generations(directory_, name_);
        last_number_ = present.empty() ? 0 : present.back();
        if (current_) look_again();
        at_end_ = false;
    }

    struct Pending {
        std::string text;
        std::int64_t time_ns = 0;
    };
    std::string directory_, name_;
    LogReadOptions options_;
    bool follow_;
    std::uint64_t last_number_ = 0;  // not following: the generation to end with
    std::unique_ptr<LogGeneration> current_;
    std::size_t entry_ = 0;  // of `current_`; its size when all are read
    std::uint64_t offset_ = 0;
    std::array<Pending, 2> pending_;  // by stream
    std::array<bool, 2> drop_at_end_{};
    bool at_end_ = false, past_until_ = false, ended_ = false;
    std::uint64_t skipped_ = 0;
    std::string line_;  // holds a line that was put together
    std::vector<char> buffer_;
    std::uint64_t buffer_begin_ = 0;
    std::size_t buffer_size_ = 0;
};

LogReader::LogReader(std::string directory, std::string name, const LogReadOptions& options)
    : impl_{std::make_unique<Impl>(std::move(directory), std::move(name), options)} {}
LogReader::~LogReader() = default;
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;

std::optional<LogLine> LogReader::next() {
    return impl_->next();
}
void LogReader::stop_following() {
    impl_->stop_following();
}
std::uint64_t LogReader::skipped_generations() const {
    return impl_->skipped_;
}

LogTotals count_log(const std::string& directory, const std::string& name) {
    LogReader reader{directory, name, {}};
    LogTotals totals;
    while (const std::optional<LogLine> line = reader.next()) {
        ++totals.lines;
        totals.bytes += line->text.size() + 1;
    }
    return totals;
}

}  // namespace stack::logs
