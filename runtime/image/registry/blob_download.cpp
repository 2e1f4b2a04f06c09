#include "runtime/image/registry/blob_download.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/registry/registry_error.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::registry {

namespace {

using DownloadRemedy = AttemptFailure::Remedy;

AttemptFailure wrong_size(const std::string& registry, const FetchRequest& request, std::string_view what) {
    return {Error{ErrorKind::failed, fmt::format("registry {} {} for blob {}, whose manifest says {} bytes",
                                                 registry, what, request.digest, request.size)}
                .with_hint("the registry's copy of the image is damaged, or something on the way changes it"),
            DownloadRemedy::none};
}

}  // namespace

BlobDownload::BlobDownload(const FetchRequest& request, int file, TransferNotes& notes)
    : request_{request}, file_{file}, notes_{notes}, have_{request.offset} {
    notes_.progress(have_);
}

FetchedDocument BlobDownload::attempt(RegistryConnection& connection) {
    if (have_ < request_.size || request_.size == 0) {
        registry_ = connection.endpoint().name;
        const HttpAnswer answer = ask(connection);
        check_success(answer, {200, 206}, {registry_, fmt::format("blob {}", request_.digest)});
    }
    if (have_ < request_.size)
        throw AttemptFailure{
            Error{ErrorKind::failed, fmt::format("registry {} ended blob {} after {} of {} bytes", registry_,
                                                 request_.digest, have_, request_.size)},
            DownloadRemedy::again};
    FetchedDocument document;
    document.digest = request_.digest;
    document.size = request_.size;
    return document;
}

HttpAnswer BlobDownload::ask(RegistryConnection& connection) {
    const Endpoint& endpoint = connection.endpoint();
    HttpRequest request;
    if (have_ > 0) request.headers = {fmt::format("Range: bytes={}-", have_)};
    request.take_body = [this](const HttpAnswer& answer) {
        begin(answer);
        return [this](std::span<const std::byte> bytes) { take(bytes); };
    };
    HttpAnswer answer =
        connection
            .ask(request, fmt::format("/v2/{}/blobs/{}", endpoint.repository, request_.digest),
                 {repository_scope(endpoint.repository, "pull")})
            .answer;
    // Layers that may not be distributed are kept by their owner.
    for (const std::string& url : request_.urls) {
        if (answer.status != 404) break;
        answer = connection.ask_stranger(request, url).answer;
    }
    return answer;
}

// What the answer is going to bring must fit to what the manifest says, before a byte is taken.
void BlobDownload::begin(const HttpAnswer& answer) {
    passed_over_ = have_;
    std::uint64_t first = 0;
    if (answer.status == 206) {
        const auto range = parse_content_range(answer.headers.value("content-range"));
        if (!range || range->first > have_ || range->total.value_or(request_.size) != request_.size)
            throw wrong_size(
                registry_, request_,
                fmt::format("offers the range '{}'", one_line(answer.headers.value("content-range"))));
        first = range->first;
        passed_over_ = have_ - first;
    }
    const auto length = content_length(answer.headers);
    if (length && *length != request_.size - first)
        throw wrong_size(registry_, request_, fmt::format("offers {} bytes", *length));
}

void BlobDownload::take(std::span<const std::byte> bytes) {
    const std::size_t known = std::min<std::uint64_t>(passed_over_, bytes.size());
    passed_over_ -= known;
    append(bytes.subspan(known));
}

void BlobDownload::append(std::span<const std::byte> bytes) {
    if (bytes.size() > request_.size - have_) throw wrong_size(registry_, request_, "sends more bytes");
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(have_));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw_errno(fmt::format("write blob {}", request_.digest));
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        have_ += static_cast<std::uint64_t>(written);
    }
    notes_.progress(have_);
}

}  // namespace stack::registry
