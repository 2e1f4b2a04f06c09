// Header fields of an HTTP answer, and the values of those that registries speak by (RFC 9110; distribution-spec).
// Foreign bytes: nothing here trusts them. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stack::registry {

class HttpHeaders {
  public:
    /// One line as it came, `Name: value\r\n`; lines without a colon are passed over.
    void add_line(std::string_view line);
    void clear() { fields_.clear(); }
    /// The first field of that name (any case); empty when there is none.
    [[nodiscard]] std::string value(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> all(std::string_view name) const;

  private:
    std::vector<std::pair<std::string, std::string>> fields_;  // names in lower case
};

/// `Content-Length`; nullopt when absent or no number.
std::optional<std::uint64_t> content_length(const HttpHeaders& headers);
/// `Content-Type` without parameters.
std::string media_type(const HttpHeaders& headers);
/// `Docker-Content-Digest`; empty unless it is a sha256 digest.
std::string content_digest(const HttpHeaders& headers);

struct ContentRange {
    std::uint64_t first = 0, last = 0;  ///< inclusive
    std::optional<std::uint64_t> total;
    bool operator==(const ContentRange&) const = default;
};
/// `bytes 5-9/10`, `bytes 5-9/*`. nullopt for anything else.
std::optional<ContentRange> parse_content_range(std::string_view value);

/// How many bytes of an upload the registry has: `Range: 0-1023` is 1024. `0-0` is none, as docker-registry means it.
std::optional<std::uint64_t> parse_upload_range(std::string_view value);

/// Seconds or an HTTP date; 0 to a day. nullopt for anything else.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::system_clock::time_point now);

}  // namespace stack::registry
