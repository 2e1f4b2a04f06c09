// Pieces of JSON text.
#pragma once

#include <string>
#include <string_view>

namespace stack::compose {

/// Text with every byte sequence that is no UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

/// In quotes, escaped as RFC 8259 wants it.
void append_json_string(std::string& out, std::string_view text);

}  // namespace stack::compose
