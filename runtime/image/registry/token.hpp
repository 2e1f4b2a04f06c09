// Bearer tokens: what a token server is asked for, and what it answers (distribution's token authentication
// specification, and its OAuth2 variant). Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace stack::registry {

struct Token {
    std::string value;
    std::chrono::seconds lifetime{60};  ///< from its receipt; a minute where the server says nothing
    bool operator==(const Token&) const = default;
};

inline constexpr std::size_t kMaxTokenAnswer = 256u << 10;

/// Throws Error(failed) when the answer holds no token that could stand in a header.
Token parse_token(std::string_view json);

/// `repository:library/redis:pull`; `actions` is "pull" or "pull,push".
std::string repository_scope(std::string_view repository, std::string_view actions);

}  // namespace stack::registry
