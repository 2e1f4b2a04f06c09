// Properties of a systemd unit as values, with the names and types of org.freedesktop.systemd1(5).
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace stack::systemd {

/// systemd's word for "no limit" in numbers.
inline constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();

struct Property {
    using Bytes = std::vector<std::uint8_t>;                         // "ay"
    using Numbers = std::vector<std::uint32_t>;                      // "au"
    using Texts = std::vector<std::string>;                          // "as"
    using Pairs = std::vector<std::pair<std::string, std::string>>;  // "a(ss)"
    using Value = std::variant<bool, std::int32_t, std::uint64_t, std::string, Bytes, Numbers, Texts, Pairs>;
    std::string name;
    Value value;
    bool operator==(const Property&) const = default;
    /// `MemoryMax = 67108864`, for tests and messages.
    [[nodiscard]] std::string text() const;
};

/// The D-Bus signature of the value: "t", "a(ss)".
const char* signature_of(const Property::Value& value);

}  // namespace stack::systemd
