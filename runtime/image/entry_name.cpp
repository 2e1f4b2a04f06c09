#include "runtime/image/entry_name.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace stack::image {

namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufs = ".wh..wh.";
constexpr std::size_t kMaxComponent = 255;

[[noreturn]] void refuse(std::string_view raw, std::string_view why) {
    throw Error{ErrorKind::invalid_input, fmt::format("refused entry {}: {}", shown_name(raw), why)};
}

std::vector<std::string> checked_components(std::string_view raw) {
    if (raw.size() > kMaxEntryName) refuse(raw, "its name is longer than 4096 bytes");
    if (raw.find('\0') != std::string_view::npos) refuse(raw, "its name holds a NUL byte");
    std::vector<std::string> parts;
    for (std::string& part : split(raw, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..") refuse(raw, "'..' leaves the layer");
        if (part.size() > kMaxComponent) refuse(raw, "a part of its name is longer than 255 bytes");
        parts.push_back(std::move(part));
    }
    if (parts.size() > kMaxEntryDepth) refuse(raw, "it is nested deeper than 256 folders");
    return parts;
}

}  // namespace

EntryName parse_entry_name(std::string_view raw) {
    std::vector<std::string> parts = checked_components(raw);
    EntryName result;
    if (parts.empty()) {
        result.kind = EntryName::Kind::root;
        return result;
    }
    result.name = std::move(parts.back());
    parts.pop_back();
    for (const std::string& part : parts) {
        if (part.starts_with(kAufs)) {
            result.kind = EntryName::Kind::ignored;
        } else if (part.starts_with(kWhiteout)) {
            refuse(raw, "a whiteout is not a folder");
        }
    }
    result.parent = join(parts, "/");
    if (result.kind == EntryName::Kind::ignored || !result.name.starts_with(kWhiteout)) return result;
    if (result.name == kOpaque) {
        result.kind = EntryName::Kind::opaque;
        return result;
    }
    if (result.name.starts_with(kAufs)) {
        result.kind = EntryName::Kind::ignored;
        return result;
    }
    result.kind = EntryName::Kind::whiteout;
    result.name.erase(0, kWhiteout.size());
    if (result.name.empty() || result.name == "." || result.name == "..")
        refuse(raw, "it hides nothing that can exist");
    return result;
}

std::string shown_name(std::string_view raw) {
    constexpr std::size_t kShown = 200;
    std::string text = "'";
    for (const char c : raw.substr(0, kShown)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f || c == '\'' || c == '\\') {
            text += fmt::format("\\x{:02x}", byte);
        } else {
            text += c;
        }
    }
    if (raw.size() > kShown) text += "…";
    return text + '\'';
}

}  // namespace stack::image
