#include "runtime/image/registry/http_headers.hpp"

#include "runtime/base/text.hpp"
#include "runtime/image/reference.hpp"

#include <time.h>

#include <algorithm>
#include <charconv>

namespace stack::registry {

namespace {

std::optional<std::uint64_t> parse_count(std::string_view text) {
    std::uint64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || result.ec != std::errc{} || result.ptr != text.data() + text.size())
        return std::nullopt;
    return value;
}

struct Span {
    std::uint64_t first, last;
};
std::optional<Span> parse_span(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = parse_count(text.substr(0, dash)), last = parse_count(text.substr(dash + 1));
    if (!first || !last || *first > *last || *last == UINT64_MAX) return std::nullopt;
    return Span{*first, *last};
}

}  // namespace

void HttpHeaders::add_line(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    fields_.emplace_back(to_lower(trim(line.substr(0, colon))), trim(line.substr(colon + 1)));
}

std::string HttpHeaders::value(std::string_view name) const {
    const std::string wanted = to_lower(name);
    for (const auto& [key, value] : fields_)
        if (key == wanted) return value;
    return {};
}

std::vector<std::string> HttpHeaders::all(std::string_view name) const {
    const std::string wanted = to_lower(name);
    std::vector<std::string> values;
    for (const auto& [key, value] : fields_)
        if (key == wanted) values.push_back(value);
    return values;
}

std::optional<std::uint64_t> content_length(const HttpHeaders& headers) {
    return parse_count(headers.value("content-length"));
}

std::string media_type(const HttpHeaders& headers) {
    const std::string value = headers.value("content-type");
    return std::string{trim(std::string_view{value}.substr(0, value.find(';')))};
}

std::string content_digest(const HttpHeaders& headers) {
    std::string digest = headers.value("docker-content-digest");
    if (!is_sha256_digest(digest)) digest.clear();
    return digest;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
    constexpr std::string_view kUnit = "bytes ";
    if (!value.starts_with(kUnit)) return std::nullopt;
    value.remove_prefix(kUnit.size());
    const std::size_t slash = value.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto span = parse_span(value.substr(0, slash));
    if (!span) return std::nullopt;
    ContentRange range{span->first, span->last, std::nullopt};
    if (const std::string_view total = value.substr(slash + 1); total != "*") {
        range.total = parse_count(total);
        if (!range.total || *range.total <= range.last) return std::nullopt;
    }
    return range;
}

std::optional<std::uint64_t> parse_upload_range(std::string_view value) {
    if (value.starts_with("bytes=")) value.remove_prefix(6);
    const auto span = parse_span(value);
    if (!span || span->first != 0) return std::nullopt;
    return span->last == 0 ? 0 : span->last + 1;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::system_clock::time_point now) {
    constexpr std::int64_t kDay = 24 * 3600;
    if (const auto seconds = parse_count(value))
        return std::chrono::seconds{static_cast<std::int64_t>(std::min<std::uint64_t>(*seconds, kDay))};
    tm broken_down{};
    const std::string text{value};
    const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &broken_down);
    if (end == nullptr || *end != '\0') return std::nullopt;
    // In seconds: the clock's own ticks hold no year beyond 2262.
    const std::int64_t when = ::timegm(&broken_down), today = std::chrono::system_clock::to_time_t(now);
    return std::chrono::seconds{std::clamp<std::int64_t>(when - today, 0, kDay)};
}

}  // namespace stack::registry
