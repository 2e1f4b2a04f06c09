#include "runtime/image/registry/token.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/json_fields.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::registry {

namespace {

constexpr std::size_t kMaxToken = 64u << 10;  // servers take headers of about that size at most

// A token becomes part of a header: visible ASCII only.
bool is_header_safe(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

Token parse_token(std::string_view text) {
    constexpr std::chrono::seconds kShortest{60}, kLongest{24 * 3600};
    const nlohmann::json object =
        json_fields::parse_object(text, "the token server's answer", kMaxTokenAnswer);
    Token token;
    token.value = json_fields::string(object, "token");
    if (token.value.empty()) token.value = json_fields::string(object, "access_token");
    if (token.value.empty() || token.value.size() > kMaxToken || !is_header_safe(token.value))
        throw Error{ErrorKind::failed, "the token server's answer holds no usable token"};
    const std::int64_t seconds = json_fields::integer(object, "expires_in");
    token.lifetime = std::clamp(std::chrono::seconds{seconds}, kShortest, kLongest);
    return token;
}

std::string repository_scope(std::string_view repository, std::string_view actions) {
    return fmt::format("repository:{}:{}", repository, actions);
}

}  // namespace stack::registry
