// Any text as the name of an image. Besides not crashing: a name that is taken means the same in each form that is written
// of it, and no part of it is more than a name.
#include "runtime/base/error.hpp"
#include "runtime/image/reference.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    try {
        const stack::ImageReference reference = stack::ImageReference::parse(text);
        require(stack::ImageReference::parse(reference.full()).full() == reference.full());
        require(stack::ImageReference::parse(reference.familiar()).full() == reference.full());
        const std::string full = reference.full();
        require(full.find("..") == std::string::npos || full.find("/../") == std::string::npos);
        require(full.find('\0') == std::string::npos && full.find(' ') == std::string::npos);
    } catch (const stack::Error&) {  // refused
    }
    if (stack::is_sha256_digest(text)) require(stack::digest_hex(text).size() == 64);
    return 0;
}
