#include "runtime/base/trace.hpp"

#include "runtime/base/fd.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack {

namespace {

const char* trace_path() {
    const char* path = ::secure_getenv("STACK_TRACE");
    return path != nullptr && *path != '\0' ? path : nullptr;
}

// Names and subjects are words of this program and container names; anything else is made harmless.
std::string plain(std::string_view text) {
    std::string result{text.substr(0, 200)};
    for (char& c : result)
        if (c < ' ' || c == '"' || c == '\\' || c == 0x7f) c = '?';
    return result;
}

}  // namespace

namespace detail {

const bool trace_on = trace_path() != nullptr;

void trace_write(std::string_view name, std::string_view subject, std::uint64_t start,
                 std::uint64_t end) noexcept {
    try {
        // Opened anew each time: a descriptor kept here could be closed by close_range and its number reused.
        const char* path = trace_path();
        if (path == nullptr) return;
        const UniqueFd file{::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
        if (!file.valid()) return;
        const std::string line = fmt::format(
            "{{\"name\":\"{}\",\"subject\":\"{}\",\"pid\":{},\"tid\":{},\"start_ns\":{},\"duration_ns\":{}}}"
            "\n",
            plain(name), plain(subject), ::getpid(), ::gettid(), start, end - start);
        [[maybe_unused]] const ssize_t written = ::write(file.get(), line.data(), line.size());
    } catch (...) {  // a measurement must not change what it measures
    }
}

}  // namespace detail

std::uint64_t trace_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace stack
