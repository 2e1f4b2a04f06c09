// Base64 (RFC 4648, 4) as HTTP's basic scheme and the `auth` fields of configuration files use it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stack::registry {

std::string base64_encode(std::string_view bytes);
/// Padding may be missing; nullopt for anything that is not base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace stack::registry
