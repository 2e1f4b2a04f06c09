#include "manager/compose/user_namespace_mode.hpp"

#include "runtime/base/text.hpp"

namespace stack::compose {

std::optional<std::uint32_t> user_namespace_ids(std::string_view mode) {
    constexpr std::string_view kSized = "auto:size=";
    if (mode == "host") return 0;
    if (mode == "private" || mode == "auto") return kUserNamespaceIds;
    if (!mode.starts_with(kSized)) return std::nullopt;
    const std::optional<long long> size = parse_int(mode.substr(kSized.size()));
    if (!size || *size < 1 || *size > kMaxUserNamespaceIds) return std::nullopt;
    return static_cast<std::uint32_t>(*size);
}

bool is_podman_userns_mode(std::string_view mode) {
    for (const std::string_view word : {"keep-id", "nomap"})
        if (mode == word || (mode.starts_with(word) && mode[word.size()] == ':')) return true;
    return mode.starts_with("ns:") || mode.starts_with("container:");
}

}  // namespace stack::compose
