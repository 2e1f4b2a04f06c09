#include "runtime/systemd/property.hpp"

#include "runtime/base/text.hpp"

#include <fmt/format.h>

namespace stack::systemd {

namespace {

struct ToText {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int32_t value) const { return fmt::format("{}", value); }
    std::string operator()(std::uint64_t value) const {
        return value == kInfinity ? "infinity" : fmt::format("{}", value);
    }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(const Property::Bytes& value) const {
        return fmt::format("{:02x}", fmt::join(value, " "));
    }
    std::string operator()(const Property::Numbers& value) const {
        return fmt::format("{}", fmt::join(value, " "));
    }
    std::string operator()(const Property::Texts& value) const { return join(value, " "); }
    std::string operator()(const Property::Pairs& value) const {
        std::vector<std::string> words;
        for (const auto& [first, second] : value) words.push_back(first + '=' + second);
        return join(words, " ");
    }
};

}  // namespace

std::string Property::text() const {
    return fmt::format("{} = {}", name, std::visit(ToText{}, value));
}

const char* signature_of(const Property::Value& value) {
    // In the order of the alternatives.
    static constexpr const char* kSignatures[] = {"b", "i", "t", "s", "ay", "au", "as", "a(ss)"};
    static_assert(std::size(kSignatures) == std::variant_size_v<Property::Value>);
    return kSignatures[value.index()];
}

}  // namespace stack::systemd
