#include "runtime/image/registry/fetch_protocol.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"

#include <limits.h>
#include <string.h>

#include <array>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::registry {

namespace {

using nlohmann::json;

static_assert(kMaxNote <= PIPE_BUF);

constexpr std::size_t kMaxUrls = 16;
constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxMediaType = 255;  // RFC 6838, 4.2: 127 characters on each side of the slash

struct OperationRow {
    FetchOperation operation;
    std::string_view name;
    std::size_t descriptors;
};
constexpr std::array kOperations{OperationRow{FetchOperation::head_manifest, "head_manifest", 1},
                                 OperationRow{FetchOperation::get_manifest, "get_manifest", 2},
                                 OperationRow{FetchOperation::get_blob, "get_blob", 2},
                                 OperationRow{FetchOperation::put_blob, "put_blob", 2},
                                 OperationRow{FetchOperation::put_manifest, "put_manifest", 2},
                                 OperationRow{FetchOperation::ping, "ping", 1}};

const OperationRow& row_of(FetchOperation operation) {
    for (const OperationRow& row : kOperations)
        if (row.operation == operation) return row;
    throw Error{ErrorKind::internal, "a fetch operation without a name"};
}

FetchOperation operation_named(std::string_view name) {
    for (const OperationRow& row : kOperations)
        if (row.name == name) return row.operation;
    throw Error{ErrorKind::invalid_input, fmt::format("'{}' is no fetch operation", name.substr(0, 40))};
}

std::uint64_t size_field(const json& object, std::string_view key) {
    const std::int64_t value = json_fields::integer(object, key);
    if (value < 0) throw Error{ErrorKind::invalid_input, fmt::format("field '{}' is negative", key)};
    return static_cast<std::uint64_t>(value);
}

// Tags, digests and repositories become parts of a URL: the grammar of references leaves nothing that could
// change its meaning.
std::optional<ImageReference> reference_in(const std::string& text) {
    try {
        return ImageReference::parse(text);
    } catch (const Error&) {
        return std::nullopt;
    }
}

void check_reference(const std::string& reference) {
    if (is_sha256_digest(reference)) return;
    const auto parsed = reference_in("name:" + reference);
    if (!parsed || parsed->tag != reference)
        throw Error{ErrorKind::invalid_input, "a fetch request names neither a tag nor a digest"};
}

void check_repository(const std::string& repository) {
    const auto parsed = reference_in("registry.invalid/" + repository);
    if (!parsed || parsed->repository != repository)
        throw Error{ErrorKind::invalid_input, "a fetch request does not name a repository"};
}

void check_media_type(const std::string& type) {
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+/";
    if (type.empty() || type.size() > kMaxMediaType || type.find_first_not_of(kAllowed) != std::string::npos)
        throw Error{ErrorKind::invalid_input, "a fetch request has no legal media type"};
}

void check(const FetchRequest& request) {
    switch (request.operation) {
        case FetchOperation::put_manifest:
            check_media_type(request.media_type);
            [[fallthrough]];
        case FetchOperation::head_manifest:
        case FetchOperation::get_manifest:
            check_reference(request.reference);
            break;
        case FetchOperation::get_blob:
            static_cast<void>(digest_hex(request.digest));
            if (request.offset > request.size)
                throw Error{ErrorKind::invalid_input, "a fetch request begins behind the end of its blob"};
            if (request.urls.size() > kMaxUrls)
                throw Error{ErrorKind::invalid_input,
                            fmt::format("a blob has more than {} addresses", kMaxUrls)};
            for (const std::string& url : request.urls)
                if (url.size() > kMaxUrl)
                    throw Error{ErrorKind::invalid_input, "the address of a blob is too long"};
            break;
        case FetchOperation::put_blob:
            static_cast<void>(digest_hex(request.digest));
            if (!request.mount_from.empty()) check_repository(request.mount_from);
            break;
        case FetchOperation::ping:
            break;
    }
}

}  // namespace

std::size_t descriptor_count(FetchOperation operation) {
    return row_of(operation).descriptors;
}

std::string encode_request(const FetchRequest& request) {
    json object = {{"op", row_of(request.operation).name}};
    const auto put = [&](const char* key, const auto& value) {
        if (value != std::decay_t<decltype(value)>{}) object[key] = value;
    };
    put("reference", request.reference);
    put("digest", request.digest);
    put("size", request.size);
    put("offset", request.offset);
    put("urls", request.urls);
    put("mount_from", request.mount_from);
    put("media_type", request.media_type);
    return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

FetchRequest decode_request(std::string_view datagram) {
    const json object = json_fields::parse_object(datagram, "a fetch request", kMaxFetchRequest);
    FetchRequest request;
    request.operation = operation_named(json_fields::string(object, "op"));
    request.reference = json_fields::string(object, "reference");
    request.digest = json_fields::string(object, "digest");
    request.size = size_field(object, "size");
    request.offset = size_field(object, "offset");
    request.urls = json_fields::strings(object, "urls");
    request.mount_from = json_fields::string(object, "mount_from");
    request.media_type = json_fields::string(object, "media_type");
    check(request);
    return request;
}

std::string encode_note(NoteKind kind, std::uint64_t bytes, std::string_view text) {
    if (text.size() > kMaxNoteText) throw Error{ErrorKind::internal, "a note is too long for its pipe"};
    const NoteHeader header{kind, static_cast<std::uint32_t>(text.size()), bytes};
    std::string record(sizeof header, '\0');
    ::memcpy(record.data(), &header, sizeof header);
    return record.append(text);
}

}  // namespace stack::registry
