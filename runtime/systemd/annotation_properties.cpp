// Annotations org.systemd.property.* of a container: a caller's way to properties that the specification has no word for.
// Annotations may come from whoever wrote a pod or an image, so only a list of names passes (CVE-2024-3154).
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/systemd/resource_properties.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace stack::systemd {

namespace {

enum class Type { boolean, number, seconds, text, unit_list };

struct AllowedProperty {
    std::string_view name;
    Type type;
};
constexpr AllowedProperty kAllowed[] = {
    {"After", Type::unit_list},
    {"Before", Type::unit_list},
    {"CollectMode", Type::text},
    {"CPUWeight", Type::number},
    {"DefaultDependencies", Type::boolean},
    {"Description", Type::text},
    {"IOWeight", Type::number},
    {"MemoryHigh", Type::number},
    {"MemoryLow", Type::number},
    {"MemoryMin", Type::number},
    {"TimeoutStopSec", Type::seconds},
    {"TimeoutStopUSec", Type::number},
};

std::optional<std::string> quoted(std::string_view text) {
    text = trim(text);
    if (text.size() < 2 || (text.front() != '\'' && text.front() != '"') || text.back() != text.front())
        return std::nullopt;
    const std::string_view inner = text.substr(1, text.size() - 2);
    // No escapes: a unit's name and a description need none.
    const bool plain = std::all_of(inner.begin(), inner.end(), [](unsigned char c) {
        return c >= 0x20 && c != 0x7f && c != '\'' && c != '"' && c != '\\';
    });
    return plain ? std::optional{std::string{inner}} : std::nullopt;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    text = trim(text);
    for (const std::string_view prefix : {"uint64 ", "uint32 ", "int64 ", "int32 "})
        if (text.starts_with(prefix)) text = trim(text.substr(prefix.size()));
    const std::optional<long long> value = parse_int(text);
    return value && *value >= 0 ? std::optional{static_cast<std::uint64_t>(*value)} : std::nullopt;
}

std::optional<Property::Texts> unit_list(std::string_view text) {
    text = trim(text);
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
    Property::Texts units;
    for (const std::string& word : split(text.substr(1, text.size() - 2), ',')) {
        const std::optional<std::string> unit = quoted(word);
        if (!unit || unit->empty() || unit->find_first_of(" /") != std::string::npos) return std::nullopt;
        units.push_back(*unit);
    }
    return units;
}

std::optional<Property> read_property(const AllowedProperty& allowed, const std::string& text) {
    const std::string name{allowed.name};
    switch (allowed.type) {
        case Type::boolean:
            if (text == "true" || text == "false") return Property{name, text == "true"};
            return std::nullopt;
        case Type::number:
            if (const auto value = whole_number(text)) return Property{name, *value};
            return std::nullopt;
        case Type::seconds: {
            constexpr std::uint64_t kMicroseconds = 1'000'000;
            const auto value = whole_number(text);
            if (!value || *value > kInfinity / kMicroseconds) return std::nullopt;
            return Property{name.substr(0, name.size() - 3) + "USec", *value * kMicroseconds};
        }
        case Type::text:
            if (const auto value = quoted(text)) return Property{name, *value};
            return std::nullopt;
        case Type::unit_list:
            if (auto value = unit_list(text)) return Property{name, std::move(*value)};
            return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

std::vector<Property> annotation_properties(const std::map<std::string, std::string>& annotations) {
    constexpr std::string_view kPrefix = "org.systemd.property.";
    std::vector<Property> properties;
    for (const auto& [key, value] : annotations) {
        if (!key.starts_with(kPrefix)) continue;
        const std::string_view name = std::string_view{key}.substr(kPrefix.size());
        const auto* allowed = std::find_if(std::begin(kAllowed), std::end(kAllowed),
                                           [&](const AllowedProperty& entry) { return entry.name == name; });
        if (allowed == std::end(kAllowed)) {
            std::vector<std::string> names;
            for (const AllowedProperty& entry : kAllowed) names.emplace_back(entry.name);
            throw Error{ErrorKind::not_supported,
                        fmt::format("annotation {}: this property can't be set here", key)}
                .with_hint("those that can: " + join(names, ", "));
        }
        std::optional<Property> property = read_property(*allowed, value);
        if (!property)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("annotation {}: '{}' is not a value of this property", key, value)}
                .with_hint("values are written as GVariant texts: true, 5, 'text', ['a.service']");
        properties.push_back(std::move(*property));
    }
    return properties;
}

}  // namespace stack::systemd
