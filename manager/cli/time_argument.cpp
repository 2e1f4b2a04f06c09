#include "manager/cli/time_argument.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <time.h>

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace stack::cli {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// `.123456789` at the start of `rest`, as nanoseconds; takes it off.
std::optional<std::int64_t> take_fraction(std::string_view& rest) {
    if (!rest.starts_with('.')) return 0;
    rest.remove_prefix(1);
    std::int64_t value = 0, unit = kSecond;
    std::size_t digits = 0;
    while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
        unit /= 10;
        value += (rest[0] - '0') * unit;
        rest.remove_prefix(1);
        ++digits;
    }
    if (digits == 0) return std::nullopt;
    return value;
}

/// `Z`, `+02:00`, or nothing (local time): seconds since the epoch.
std::optional<std::int64_t> with_zone(::tm fields, std::string_view zone) {
    fields.tm_isdst = -1;
    if (zone.empty()) return ::mktime(&fields);
    if (zone == "Z" || zone == "z") return ::timegm(&fields);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
    const std::optional<long long> hours = parse_int(zone.substr(1, 2)),
                                   minutes = parse_int(zone.substr(4, 2));
    if (!hours || !minutes) return std::nullopt;
    const std::int64_t offset = *hours * 3600 + *minutes * 60;
    return ::timegm(&fields) - (zone[0] == '-' ? -offset : offset);
}

std::optional<std::int64_t> read_time(const std::string& text) {
    static constexpr std::array<const char*, 4> kForms{"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
                                                       "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (const char* form : kForms) {
        ::tm fields{};
        const char* end = ::strptime(text.c_str(), form, &fields);
        if (!end) continue;
        std::string_view rest{end};
        const std::optional<std::int64_t> fraction = take_fraction(rest);
        const std::optional<std::int64_t> seconds = with_zone(fields, rest);
        if (fraction && seconds) return *seconds * kSecond + *fraction;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> read_time_argument(const char* flag, const std::string& text,
                                               std::chrono::system_clock::time_point now) {
    if (text.empty()) return std::nullopt;
    if (const std::optional<std::chrono::nanoseconds> age = parse_duration(text); age && text != "0")
        return std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch() - *age).count();
    if (const std::optional<long long> seconds = parse_int(text);
        seconds && *seconds >= 0 && *seconds < 9'000'000'000)
        return *seconds * kSecond;
    if (const std::optional<std::int64_t> time = read_time(text)) return time;
    throw Error{ErrorKind::invalid_input, fmt::format("{}: '{}' is neither a time nor an age", flag, text)}
        .with_hint("write a time as 2026-01-02T03:04:05Z and an age as 42m");
}

}  // namespace stack::cli
