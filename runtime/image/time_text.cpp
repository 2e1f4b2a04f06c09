#include "runtime/image/time_text.hpp"

#include <charconv>

namespace stack {

namespace {

// Takes exactly `digits` digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int value = 0;
    const auto result = std::from_chars(text.data(), text.data() + digits, value);
    if (result.ec != std::errc{} || result.ptr != text.data() + digits || text.front() == '-')
        return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::nanoseconds> take_fraction(std::string_view& text) {
    std::chrono::nanoseconds::rep value = 0, unit = 100'000'000;
    if (!take(text, '.')) return std::chrono::nanoseconds{0};
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), unit /= 10)
        value += (text.front() - '0') * unit;
    return std::chrono::nanoseconds{value};
}

// `Z`, `+02:00`: what has to be taken away to get UTC.
std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
    if (take(text, 'Z') || take(text, 'z')) return std::chrono::minutes{0};
    const bool negative = !text.empty() && text.front() == '-';
    if (!negative && !(!text.empty() && text.front() == '+')) return std::nullopt;
    text.remove_prefix(1);
    const auto hours = take_number(text, 2);
    if (!hours || !take(text, ':')) return std::nullopt;
    const auto minutes = take_number(text, 2);
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const std::chrono::minutes offset{*hours * 60 + *minutes};
    return negative ? -offset : offset;
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_time_text(std::string_view text) {
    using namespace std::chrono;
    const auto y = take_number(text, 4);
    if (!y || !take(text, '-')) return std::nullopt;
    const auto m = take_number(text, 2);
    if (!m || !take(text, '-')) return std::nullopt;
    const auto d = take_number(text, 2);
    if (!d || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ':')) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || !take(text, ':')) return std::nullopt;
    const auto second = take_number(text, 2);
    if (!second) return std::nullopt;
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;
    const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)}, day{static_cast<unsigned>(*d)}};
    if (!date.ok() || *y < 1970 || *y > 2261 || *hour > 23 || *minute > 59 || *second > 60)
        return std::nullopt;
    return system_clock::time_point{
        duration_cast<system_clock::duration>(sys_days{date}.time_since_epoch() + hours{*hour} +
                                              minutes{*minute} + seconds{*second} + *fraction - *offset)};
}

}  // namespace stack
