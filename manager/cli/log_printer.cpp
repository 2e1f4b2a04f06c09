#include "manager/cli/log_printer.hpp"

#include "runtime/base/fd.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

namespace stack::cli {

namespace {

/// Round robin in the order in which containers appear.
constexpr std::array<std::string_view, 10> kColours{"36",   "33",   "32",   "35",   "34",
                                                    "36;1", "33;1", "32;1", "35;1", "34;1"};
constexpr std::size_t kFlushAt = 128 * 1024;

}  // namespace

std::string log_name(const std::string& project, const std::string& service, int number,
                     const std::string& name) {
    for (const char separator : {'-', '_'})
        if (name == fmt::format("{0}{3}{1}{3}{2}", project, service, number, separator))
            return fmt::format("{}{}{}", service, separator, number);
    return name;
}

std::size_t LogFormatter::add(const std::string& name) {
    const auto [found, is_new] = index_.try_emplace(name, members_.size());
    if (!is_new) return found->second;
    members_.push_back({name, {}});
    const bool wider = name.size() > width_;
    width_ = std::max(width_, name.size());
    for (std::size_t i = wider ? 0 : members_.size() - 1; i < members_.size(); ++i) rebuild_prefix(i);
    return found->second;
}

void LogFormatter::rebuild_prefix(std::size_t member) {
    Member& m = members_[member];
    if (!style_.prefix) return;
    // two columns more than the longest name: the width that scripts have learnt to cut off
    m.prefix = fmt::format("{:{}} | ", m.name, width_ + 1);
    if (style_.colour)
        m.prefix = fmt::format("\x1b[{}m{}\x1b[0m", kColours[member % kColours.size()], m.prefix);
}

void LogFormatter::append(std::string& into, std::size_t member, std::string_view text,
                          std::int64_t time_ns) const {
    into += members_[member].prefix;
    if (style_.timestamps) {
        const std::chrono::system_clock::duration since_epoch = std::chrono::nanoseconds{time_ns};
        into += format_time(std::chrono::system_clock::time_point{since_epoch});
        into += ' ';
    }
    into += text;
    into += '\n';
}

std::string LogFormatter::exit_line(std::size_t member, int exit_code, bool restarting) const {
    return fmt::format("{} exited with code {}{}\n", name(member), exit_code,
                       restarting ? " (restarting)" : "");
}

std::string& LogSink::buffer(bool to_err) {
    if (to_err != to_err_ || text_.size() >= kFlushAt) flush();
    to_err_ = to_err;
    return text_;
}

void LogSink::flush() {
    if (text_.empty()) return;
    write_all(to_err_ ? err_ : out_, text_, to_err_ ? "stderr" : "stdout");
    text_.clear();  // keeps its memory
}

}  // namespace stack::cli
