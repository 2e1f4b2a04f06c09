#include "runtime/image/registry/fetcher.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/error_event.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::registry {

namespace {

using nlohmann::json;

Error fetcher_died() {
    return Error{ErrorKind::failed, "the process that speaks with the registry ended without an answer"}
        .with_hint("run the command again; what has been downloaded is kept");
}

// False at end of file before the first byte.
bool read_exactly(int fd, std::span<char> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const ssize_t got = ::read(fd, into.data() + done, into.size() - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_errno("read what the fetcher tells");
        if (got == 0 && done == 0) return false;
        if (got == 0) throw fetcher_died();
        done += static_cast<std::size_t>(got);
    }
    return true;
}

FetchOutcome outcome_named(std::string_view name) {
    static constexpr std::array<std::pair<std::string_view, FetchOutcome>, 4> kNames{
        {{"fetched", FetchOutcome::fetched},
         {"present", FetchOutcome::present},
         {"mounted", FetchOutcome::mounted},
         {"uploaded", FetchOutcome::uploaded}}};
    for (const auto& [word, outcome] : kNames)
        if (word == name) return outcome;
    throw Error{ErrorKind::internal, "the fetcher ended with an unknown outcome"};
}

FetchedDocument document_of(const json& object) {
    FetchedDocument result;
    result.digest = json_fields::string(object, "digest");
    if (!result.digest.empty() && !is_sha256_digest(result.digest)) result.digest.clear();
    result.media_type = json_fields::string(object, "mediaType");
    result.size = static_cast<std::uint64_t>(std::max<std::int64_t>(json_fields::integer(object, "size"), 0));
    result.outcome = outcome_named(json_fields::string(object, "outcome"));
    return result;
}

std::chrono::milliseconds delay_of(const json& object) {
    constexpr double kLongest = 24 * 3600;
    const json* seconds = json_fields::find(object, "in");
    if (seconds == nullptr || !seconds->is_number()) return {};
    return std::chrono::milliseconds{
        static_cast<std::int64_t>(std::clamp(seconds->get<double>(), 0.0, kLongest) * 1000)};
}

}  // namespace

std::optional<Note> Transfer::next() {
    if (done_) return std::nullopt;
    NoteHeader header;
    if (!read_exactly(notes_.get(), {reinterpret_cast<char*>(&header), sizeof header})) throw fetcher_died();
    if (header.text_size > kMaxNoteText)
        throw Error{ErrorKind::internal, "the fetcher sent a note that is too long"};
    std::string text(header.text_size, '\0');
    if (!text.empty() && !read_exactly(notes_.get(), text)) throw fetcher_died();
    Note note;
    note.kind = header.kind;
    note.bytes = header.bytes;
    if (note.kind == NoteKind::progress) return note;
    const json object = json_fields::parse_object(text, "what the fetcher tells", kMaxNoteText);
    switch (note.kind) {
        case NoteKind::retry:
            note.message = json_fields::string(object, "message");
            note.retry_in = delay_of(object);
            return note;
        case NoteKind::done:
            done_ = true;
            note.document = document_ = document_of(object);
            return note;
        case NoteKind::failed:
            throw image::error_of_event(object);
        case NoteKind::progress:
            break;
    }
    throw Error{ErrorKind::internal, "the fetcher sent an unknown note"};
}

FetchedDocument Transfer::finish() {
    while (next()) {
    }
    return document_;
}

Transfer Fetcher::send(const FetchRequest& request, int file) {
    Pipe notes = make_pipe();
    std::vector<int> descriptors;
    if (file >= 0) descriptors.push_back(file);
    descriptors.push_back(notes.write.get());
    const std::string datagram = encode_request(request);
    try {
        send_with_fds(socket_.get(), std::as_bytes(std::span{datagram}), descriptors);
    } catch (const Error& error) {
        if (error.code() == EPIPE || error.code() == ECONNRESET) throw fetcher_died();
        throw;
    }
    return Transfer{std::move(notes.read)};
}

Transfer Fetcher::head_manifest(std::string reference) {
    FetchRequest request;
    request.operation = FetchOperation::head_manifest;
    request.reference = std::move(reference);
    return send(request, -1);
}

Transfer Fetcher::get_manifest(std::string reference, int file) {
    FetchRequest request;
    request.operation = FetchOperation::get_manifest;
    request.reference = std::move(reference);
    return send(request, file);
}

Transfer Fetcher::get_blob(const BlobRequest& blob, int file) {
    FetchRequest request;
    request.operation = FetchOperation::get_blob;
    request.digest = blob.digest;
    request.size = blob.size;
    request.offset = blob.offset;
    request.urls = blob.urls;
    return send(request, file);
}

Transfer Fetcher::put_blob(const BlobUpload& upload, int file) {
    FetchRequest request;
    request.operation = FetchOperation::put_blob;
    request.digest = upload.digest;
    request.size = upload.size;
    request.mount_from = upload.mount_from;
    return send(request, file);
}

Transfer Fetcher::put_manifest(std::string reference, std::string media_type, int file) {
    FetchRequest request;
    request.operation = FetchOperation::put_manifest;
    request.reference = std::move(reference);
    request.media_type = std::move(media_type);
    return send(request, file);
}

Transfer Fetcher::ping() {
    return send(FetchRequest{}, -1);
}

}  // namespace stack::registry
