#include "runtime/oci/json_node.hpp"

#include "runtime/base/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxDocument = std::size_t{8} << 20;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxItems = 100'000;
constexpr std::size_t kMaxText = std::size_t{128}
                                 << 10;  // one argument or variable of execve(2) holds no more

[[noreturn]] void fail_at(const std::string& path, std::string_view why) {
    throw Error{ErrorKind::invalid_input, fmt::format("{} {}", path, why)};
}

std::string checked_text(const json& value, const std::function<std::string()>& path) {
    const auto* text = value.get_ptr<const std::string*>();
    if (text == nullptr) fail_at(path(), fmt::format("is not a string but {}", value.type_name()));
    if (text->size() > kMaxText) fail_at(path(), "is longer than 128 KiB");
    if (text->find('\0') != std::string::npos) fail_at(path(), "has a NUL character in it");
    return *text;
}

}  // namespace

JsonNode::JsonNode(const json& document, std::string_view name)
    : JsonNode{&document, name.empty() ? Way{} : Way{}.and_then({name})} {}

JsonNode::JsonNode(const json* value, const Way& way)
    : value_{value != nullptr && value->is_null() ? nullptr : value}, way_{way} {}

JsonNode::Way JsonNode::Way::and_then(Part part) const {
    Way way = *this;
    if (way.count < kMost) way.parts[way.count++] = part;
    return way;
}

std::string JsonNode::path() const {
    std::string text;
    for (std::size_t i = 0; i < way_.count; ++i) {
        const Way::Part& part = way_.parts[i];
        if (part.key.data() == nullptr)
            text += fmt::format("[{}]", part.index);
        else
            text.append(text.empty() ? "" : ".").append(part.key);
    }
    return text;
}

JsonNode JsonNode::operator[](std::string_view key) const {
    const Way way = way_.and_then({key});
    if (!present()) return {nullptr, way};
    if (!value_->is_object()) fail(fmt::format("is not an object but {}", value_->type_name()));
    const auto member = value_->find(key);
    return {member == value_->end() ? nullptr : &*member, way};
}

void JsonNode::each(const std::function<void(const JsonNode&)>& visit) const {
    if (!present()) return;
    if (!value_->is_array()) fail(fmt::format("is not a list but {}", value_->type_name()));
    if (value_->size() > kMaxItems) fail(fmt::format("has more than {} entries", kMaxItems));
    std::size_t index = 0;
    for (const json& item : *value_) visit(JsonNode{&item, way_.and_then({{}, index++})});
}

void JsonNode::each_member(const std::function<void(const std::string&, const JsonNode&)>& visit) const {
    if (!present()) return;
    if (!value_->is_object()) fail(fmt::format("is not an object but {}", value_->type_name()));
    if (value_->size() > kMaxItems) fail(fmt::format("has more than {} entries", kMaxItems));
    for (const auto& [key, item] : value_->items()) {
        if (key.find('\0') != std::string::npos) fail("has a key with a NUL character in it");
        visit(key, JsonNode{&item, way_.and_then({key})});
    }
}

std::string JsonNode::text() const {
    return present() ? checked_text(*value_, [&] { return path(); }) : std::string{};
}

std::string JsonNode::required_text() const {
    std::string value = text();
    if (value.empty()) fail(present() ? "is empty" : "is missing");
    return value;
}

bool JsonNode::flag() const {
    if (!present()) return false;
    if (!value_->is_boolean()) fail(fmt::format("is not true or false but {}", value_->type_name()));
    return value_->get<bool>();
}

// Names of system calls come by the hundred: their paths are made only for complaints.
std::vector<std::string> JsonNode::texts() const {
    std::vector<std::string> result;
    if (!present()) return result;
    if (!value_->is_array()) fail(fmt::format("is not a list but {}", value_->type_name()));
    if (value_->size() > kMaxItems) fail(fmt::format("has more than {} entries", kMaxItems));
    result.reserve(value_->size());
    for (const json& item : *value_)
        result.push_back(checked_text(item, [&] { return fmt::format("{}[{}]", path(), result.size()); }));
    return result;
}

std::map<std::string, std::string> JsonNode::text_map() const {
    std::map<std::string, std::string> result;
    each_member([&](const std::string& key, const JsonNode& value) {
        if (!value.present()) value.fail("is not a string but null");
        result.emplace(key, value.text());
    });
    return result;
}

std::optional<std::int64_t> JsonNode::signed_number(std::int64_t least, std::int64_t most) const {
    if (!present()) return std::nullopt;
    if (!value_->is_number_integer()) fail(fmt::format("is not a whole number but {}", value_->dump()));
    const bool large = value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX;
    if (large || value_->get<std::int64_t>() < least || value_->get<std::int64_t>() > most)
        fail(fmt::format("is {}, which is not between {} and {}", value_->dump(), least, most));
    return value_->get<std::int64_t>();
}

std::optional<std::uint64_t> JsonNode::unsigned_number(std::uint64_t most) const {
    if (!present()) return std::nullopt;
    if (!value_->is_number_integer()) fail(fmt::format("is not a whole number but {}", value_->dump()));
    const bool negative = !value_->is_number_unsigned() && value_->get<std::int64_t>() < 0;
    if (negative || value_->get<std::uint64_t>() > most)
        fail(fmt::format("is {}, which is not between 0 and {}", value_->dump(), most));
    return value_->get<std::uint64_t>();
}

void JsonNode::fail(std::string_view why) const {
    fail_at(path(), why);
}

namespace {

// Before it is parsed: what is in strings doesn't count, and what is no JSON is found out later.
bool is_too_deep(std::string_view text) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char letter = text[i];
        if (in_string && letter == '\\')
            ++i;
        else if (letter == '"')
            in_string = !in_string;
        else if (in_string)
            continue;
        else if ((letter == '{' || letter == '[') && ++depth > kMaxDepth)
            return true;
        else if (letter == '}' || letter == ']')
            --depth;
    }
    return false;
}

}  // namespace

json parse_document(std::string_view text, std::string_view what) {
    if (text.size() > kMaxDocument)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("{} is larger than {} MiB", what, kMaxDocument >> 20)};
    if (is_too_deep(text))
        throw Error{ErrorKind::invalid_input, fmt::format("{} has more than {} levels", what, kMaxDepth)};
    try {
        json document = json::parse(text);
        if (!document.is_object())
            throw Error{ErrorKind::invalid_input,
                        fmt::format("{} is not a JSON object but {}", what, document.type_name())};
        return document;
    } catch (const json::exception& problem) {
        throw Error{ErrorKind::invalid_input, fmt::format("{} is not valid JSON: {}", what, problem.what())};
    }
}

}  // namespace stack::oci
