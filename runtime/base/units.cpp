#include "runtime/base/units.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace stack {

namespace {

// Digits with at most one dot; advances `text` past them.
std::optional<double> take_number(std::string_view& text) {
    std::size_t length = 0;
    bool dot = false, digit = false;
    while (length < text.size()) {
        const char c = text[length];
        if (c >= '0' && c <= '9') {
            digit = true;
        } else if (c == '.' && !dot) {
            dot = true;
        } else {
            break;
        }
        ++length;
    }
    if (!digit) return std::nullopt;
    double value = 0;
    const auto result = std::from_chars(text.data(), text.data() + length, value);
    if (result.ec != std::errc{}) return std::nullopt;
    text.remove_prefix(length);
    return value;
}

std::string lower(std::string_view text) {
    std::string result{text};
    for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    // Whole numbers take the exact path: a double has only 53 bits.
    std::uint64_t whole = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), whole);
    std::string_view rest = text;
    const bool exact =
        parsed.ec == std::errc{} && (parsed.ptr == text.data() + text.size() || *parsed.ptr != '.');
    double number = 0;
    if (exact) {
        rest = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
    } else {
        const auto value = take_number(rest);
        if (!value) return std::nullopt;
        number = *value;
    }
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    std::string unit = lower(rest);
    if (unit.size() > 1 && unit.back() == 'b') unit.pop_back();
    if (unit.size() > 1 && unit.back() == 'i') unit.pop_back();
    int shift = 0;
    if (!unit.empty() && unit != "b") {
        constexpr std::string_view kUnits = "kmgtp";
        const std::size_t index = unit.size() == 1 ? kUnits.find(unit[0]) : std::string_view::npos;
        if (index == std::string_view::npos) return std::nullopt;
        shift = 10 * (static_cast<int>(index) + 1);
    }
    constexpr std::uint64_t kMax = 0x7fffffffffffffffULL;
    if (exact) return whole > (kMax >> shift) ? std::nullopt : std::optional{whole << shift};
    const double bytes = std::ldexp(number, shift);
    if (!(bytes < 9.2e18)) return std::nullopt;
    return static_cast<std::uint64_t>(bytes);
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    if (text == "0") return std::chrono::nanoseconds{0};
    if (text.empty()) return std::nullopt;
    struct Unit {
        std::string_view name;
        double nanoseconds;
    };
    static constexpr std::array<Unit, 9> kUnits{{{"ns", 1},
                                                 {"us", 1e3},
                                                 {"µs", 1e3},
                                                 {"ms", 1e6},
                                                 {"s", 1e9},
                                                 {"m", 60e9},
                                                 {"h", 3600e9},
                                                 {"d", 86400e9},
                                                 {"w", 604800e9}}};
    double total = 0;
    while (!text.empty()) {
        const auto number = take_number(text);
        if (!number) return std::nullopt;
        std::size_t length = 0;
        while (length < text.size() && text[length] != '.' && (text[length] < '0' || text[length] > '9'))
            ++length;
        const std::string_view name = text.substr(0, length);
        text.remove_prefix(length);
        const Unit* found = nullptr;
        for (const Unit& unit : kUnits)
            if (unit.name == name) found = &unit;
        if (!found) return std::nullopt;
        total += *number * found->nanoseconds;
    }
    if (!(total < 9.2e18)) return std::nullopt;
    return std::chrono::nanoseconds{static_cast<std::int64_t>(std::llround(total))};
}

std::string format_size(std::uint64_t bytes) {
    constexpr std::array<const char*, 6> kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1000 && unit + 1 < kUnits.size()) {
        value /= 1000;
        ++unit;
    }
    if (unit == 0) return fmt::format("{}B", bytes);
    return value < 10    ? fmt::format("{:.2f}{}", value, kUnits[unit])
           : value < 100 ? fmt::format("{:.1f}{}", value, kUnits[unit])
                         : fmt::format("{:.0f}{}", value, kUnits[unit]);
}

std::string format_duration(std::chrono::nanoseconds value) {
    using namespace std::chrono;
    if (value == nanoseconds{0}) return "0s";
    const std::int64_t ns = value.count();
    if (ns < 1000) return fmt::format("{}ns", ns);
    if (ns < 1'000'000) return fmt::format("{}us", static_cast<double>(ns) / 1e3);
    if (ns < 1'000'000'000) return fmt::format("{}ms", static_cast<double>(ns) / 1e6);
    const std::int64_t hours = ns / 3'600'000'000'000, minutes = ns / 60'000'000'000 % 60;
    const double secs = static_cast<double>(ns % 60'000'000'000) / 1e9;
    if (hours > 0) return fmt::format("{}h{}m{}s", hours, minutes, secs);
    if (minutes > 0) return fmt::format("{}m{}s", minutes, secs);
    return fmt::format("{}s", secs);
}

std::string format_age(std::chrono::seconds value) {
    const std::int64_t s = value.count();
    if (s < 1) return "Less than a second";
    if (s == 1) return "1 second";
    if (s < 60) return fmt::format("{} seconds", s);
    const std::int64_t minutes = s / 60;
    if (minutes == 1) return "About a minute";
    if (minutes < 60) return fmt::format("{} minutes", minutes);
    const std::int64_t hours = (s + 1800) / 3600;
    if (hours == 1) return "About an hour";
    if (hours < 48) return fmt::format("{} hours", hours);
    const std::int64_t days = s / 86400;
    if (days < 14) return fmt::format("{} days", days);
    if (days < 60) return fmt::format("{} weeks", days / 7);
    if (days < 730) return fmt::format("{} months", days / 30);
    return fmt::format("{} years", days / 365);
}

std::string format_time(std::chrono::system_clock::time_point time) {
    using namespace std::chrono;
    // Not by gmtime: it reads /etc/localtime first.
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{floor<nanoseconds>(time - day)};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", int{date.year()}, unsigned{date.month()},
                       unsigned{date.day()}, clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count(), clock.subseconds().count());
}

}  // namespace stack
