// Any text with `${}` in it. Text without a dollar sign comes back as it is.
#include "manager/compose/interpolation.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace stack::compose;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const VariableLookup lookup = [](std::string_view name) -> std::optional<std::string> {
        if (name == "A") return "value";
        if (name == "B") return "";
        return std::nullopt;
    };
    const InterpolatedText result = interpolate(text, lookup);
    if (text.find('$') == std::string_view::npos && result.text != text) std::abort();
    if (result.failure && (result.failure->offset >= size || text[result.failure->offset] != '$'))
        std::abort();
    for (const auto& [name, offset] : result.unset)
        if (offset >= size || text[offset] != '$') std::abort();
    return 0;
}
