// The few things done with URLs (RFC 3986), by libcurl's parser: the one that will open them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stack::registry {

/// `https://host:port` with the port written out: what two URLs must share for one to get the other's credentials.
/// Throws Error(failed) for anything but http and https, for user names and for control characters.
std::string origin_of(const std::string& url);
/// `host` without a port; brackets around IPv6. Throws as `origin_of`.
std::string host_of(const std::string& url);
/// What `location` means in an answer from `base`. Throws as `origin_of`.
std::string resolve_url(const std::string& base, const std::string& location);
/// The URL with the parameters appended to its query, percent-encoded.
std::string with_query(const std::string& url,
                       const std::vector<std::pair<std::string, std::string>>& parameters);
/// `a=b&c=d`, percent-encoded: a form's body.
std::string form_of(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace stack::registry
