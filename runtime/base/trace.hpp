// Where the time of a start goes: spans written as JSON lines to the file that STACK_TRACE names. Not
// logging, not metrics: a tool for `bench/` and for whoever asks why a start is slow.
//
// Off (the usual case) a span costs one load and one branch. On, each span is one O_APPEND write of less than
// PIPE_BUF bytes, so that threads and processes share the file without locks. Never use it between clone and
// exec: it allocates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stack {

/// CLOCK_MONOTONIC in nanoseconds: comparable between processes of one boot.
std::uint64_t trace_now();

namespace detail {
extern const bool trace_on;  // decided before main, from the environment
void trace_write(std::string_view name, std::string_view subject, std::uint64_t start,
                 std::uint64_t end) noexcept;
}  // namespace detail

/// True when STACK_TRACE names a file.
inline bool trace_enabled() {
    return detail::trace_on;
}

/// One step, from construction to `end` or destruction. `name` is dotted and must outlive the span
/// ("network.attach"); `subject` says whose step it was (a container's name) and may be empty.
/// Line: {"name":…,"subject":…,"pid":…,"tid":…,"start_ns":…,"duration_ns":…}
class TraceSpan {
  public:
    explicit TraceSpan(std::string_view name) {
        if (!trace_enabled()) return;
        name_ = name;
        start_ = trace_now();
    }
    TraceSpan(std::string_view name, std::string_view subject) : TraceSpan{name} {
        if (start_ != 0) subject_ = subject;
    }
    TraceSpan(const TraceSpan&) = delete;
    TraceSpan& operator=(const TraceSpan&) = delete;
    ~TraceSpan() { end(); }

    /// Ends the span early; later calls do nothing.
    void end() noexcept {
        if (start_ == 0) return;
        detail::trace_write(name_, subject_, start_, trace_now());
        start_ = 0;
    }

  private:
    std::string_view name_;
    std::string subject_;
    std::uint64_t start_ = 0;
};

}  // namespace stack
