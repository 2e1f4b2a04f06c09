// What a registry asks for when it answers 401: the WWW-Authenticate header (RFC 9110, 11.6.1). Foreign bytes. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stack::registry {

struct Challenge {
    std::string scheme;                             ///< lower case: basic, bearer
    std::map<std::string, std::string> parameters;  ///< names in lower case; the first of a name counts
    [[nodiscard]] std::string parameter(const std::string& name) const;
    bool operator==(const Challenge&) const = default;
};

/// The challenges of one header value, in order. What can't be read ends the list; at most 16 challenges of 16
/// parameters are read, of at most 8 KiB.
std::vector<Challenge> parse_challenges(std::string_view value);

}  // namespace stack::registry
