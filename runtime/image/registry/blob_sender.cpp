#include "runtime/image/registry/blob_sender.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/registry/url.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::registry {

namespace {

// Large enough that a chunk's round trip costs nothing, small enough that little is sent twice after a cut.
constexpr std::uint64_t kUploadChunk = 64u << 20;

}  // namespace

FetchedDocument BlobSender::attempt(RegistryConnection& connection) {
    if (!session_.empty()) resume_session(connection);
    if (session_.empty()) {
        if (registry_has_it(connection)) return document(FetchOutcome::present);
        if (open_session(connection)) return document(FetchOutcome::mounted);
    }
    while (sent_ < request_.size) send_chunk(connection);
    commit(connection);
    return document(FetchOutcome::uploaded);
}

bool BlobSender::registry_has_it(RegistryConnection& connection) const {
    HttpRequest request;
    request.method = HttpMethod::head;
    const std::string path =
        fmt::format("/v2/{}/blobs/{}", connection.endpoint().repository, request_.digest);
    const HttpAnswer answer = connection.ask(request, path, scopes(connection)).answer;
    if (answer.status == 404) return false;
    check_success(answer, {200}, subject(connection));
    return true;
}

bool BlobSender::open_session(RegistryConnection& connection) {
    HttpRequest request;
    request.method = HttpMethod::post;
    std::string path = fmt::format("/v2/{}/blobs/uploads/", connection.endpoint().repository);
    if (!request_.mount_from.empty())
        path = with_query(path, {{"mount", request_.digest}, {"from", request_.mount_from}});
    const RegistryConnection::Reply reply = connection.ask(request, path, scopes(connection));
    if (reply.answer.status == 201 && !request_.mount_from.empty()) return true;
    check_success(reply.answer, {202}, subject(connection));
    sent_ = 0;
    remember_location(reply);
    if (session_.empty())
        throw AttemptFailure{Error{ErrorKind::failed, fmt::format("registry {} opens an upload nowhere",
                                                                  connection.endpoint().name)},
                             AttemptFailure::Remedy::none};
    return false;
}

void BlobSender::resume_session(RegistryConnection& connection) {
    const RegistryConnection::Reply reply = connection.ask({}, session_, scopes(connection));
    if (reply.answer.status == 404) {  // forgotten, or finished before the answer to that was lost
        session_.clear();
        return;
    }
    check_success(reply.answer, {204}, subject(connection));
    sent_ = std::min(parse_upload_range(reply.answer.headers.value("range")).value_or(0), request_.size);
    remember_location(reply);
}

void BlobSender::send_chunk(RegistryConnection& connection) {
    HttpRequest request;
    request.method = HttpMethod::patch;
    request.file = file_;
    request.file_offset = sent_;
    request.file_size = std::min(kUploadChunk, request_.size - sent_);
    request.headers = {"Content-Type: application/octet-stream",
                       fmt::format("Content-Range: {}-{}", sent_, sent_ + request.file_size - 1)};
    request.sent = [this](std::uint64_t bytes) { notes_.progress(sent_ + bytes); };
    request.slow_answer = true;
    const RegistryConnection::Reply reply = connection.ask(request, session_, scopes(connection));
    if (reply.answer.status == 416)  // it has more or less than we think: ask
        throw AttemptFailure{Error{ErrorKind::failed, fmt::format("registry {} lost track of an upload",
                                                                  connection.endpoint().name)},
                             AttemptFailure::Remedy::again};
    check_success(reply.answer, {201, 202, 204}, subject(connection));
    sent_ += request.file_size;
    remember_location(reply);
}

void BlobSender::commit(RegistryConnection& connection) {
    HttpRequest request;
    request.method = HttpMethod::put;
    request.headers = {"Content-Type: application/octet-stream"};
    request.slow_answer = true;
    const RegistryConnection::Reply reply =
        connection.ask(request, with_query(session_, {{"digest", request_.digest}}), scopes(connection));
    check_success(reply.answer, {201, 204}, subject(connection));
}

void BlobSender::remember_location(const RegistryConnection::Reply& reply) {
    if (const std::string location = reply.answer.headers.value("location"); !location.empty())
        session_ = resolve_url(reply.url, location);
}

Scopes BlobSender::scopes(const RegistryConnection& connection) const {
    Scopes result{repository_scope(connection.endpoint().repository, "pull,push")};
    if (!request_.mount_from.empty()) result.push_back(repository_scope(request_.mount_from, "pull"));
    return result;
}

Subject BlobSender::subject(const RegistryConnection& connection) const {
    return {connection.endpoint().name, fmt::format("repository '{}'", connection.endpoint().repository)};
}

FetchedDocument BlobSender::document(FetchOutcome outcome) const {
    FetchedDocument result;
    result.digest = request_.digest;
    result.size = request_.size;
    result.outcome = outcome;
    return result;
}

}  // namespace stack::registry
