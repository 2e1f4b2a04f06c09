// What this folder needs to know about UTF-8.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace stack::compose {

/// Length of the valid UTF-8 sequence at the front of `text`, which is not empty; 0 when there is none (a stray
/// continuation byte, overlong, a surrogate, beyond U+10FFFF, cut off).
inline std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;
    if (lead == 0xed && byte(1) > 0x9f) return 0;
    if (lead == 0xf0 && byte(1) < 0x90) return 0;
    if (lead == 0xf4 && byte(1) > 0x8f) return 0;
    return length;
}

/// Bytes from 0x80 to 0xbf that belong to no sequence become the characters of those numbers.
inline std::string latin_bytes_to_utf8(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::size_t length = utf8_sequence(text);
        if (length == 0) result += '\xc2';
        result += text.substr(0, std::max<std::size_t>(length, 1));
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return result;
}

}  // namespace stack::compose
