#include "runtime/image/registry/registry_client.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/manifest.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/registry/blob_download.hpp"
#include "runtime/image/registry/blob_sender.hpp"
#include "runtime/image/registry/registry_error.hpp"
#include "runtime/image/registry/retry_policy.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

namespace stack::registry {

namespace {

using Remedy = AttemptFailure::Remedy;

// In the order of preference, as the server sees it.
constexpr std::string_view kAccept =
    "Accept: application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

// A host that has never answered is not worth more.
constexpr int kTriesOfStrangers = 2;

double chance() {
    static thread_local std::minstd_rand generator{std::random_device{}()};
    return std::uniform_real_distribution<>{}(generator);
}

Subject manifest_subject(const Endpoint& endpoint, const std::string& reference) {
    const std::string_view separator = is_sha256_digest(reference) ? "@" : ":";
    return {endpoint.name, fmt::format("image '{}{}{}'", endpoint.repository, separator, reference)};
}

std::string manifest_path(const Endpoint& endpoint, const std::string& reference) {
    return fmt::format("/v2/{}/manifests/{}", endpoint.repository, reference);
}

Scopes pull_scopes(const Endpoint& endpoint) {
    return {repository_scope(endpoint.repository, "pull")};
}

FetchedDocument document_of(const HttpHeaders& headers) {
    FetchedDocument document;
    document.digest = content_digest(headers);
    document.media_type = media_type(headers);
    return document;
}

void write_document(int file, const std::string& content) {
    std::size_t done = 0;
    while (done < content.size()) {
        const ssize_t written =
            ::pwrite(file, content.data() + done, content.size() - done, static_cast<off_t>(done));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw_errno("write the manifest");
        done += static_cast<std::size_t>(written);
    }
}

std::uint64_t size_of(int file) {
    struct stat info {};
    if (::fstat(file, &info) != 0) throw_errno("look at the manifest");
    return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace

FetchedDocument RegistryClient::with_retries(EndpointState& state, const FetchLimits& limits,
                                             const Attempt& attempt, TransferNotes& notes) {
    RegistryConnection connection{state, session_};
    session_.set_keep_going([&] { return notes.keep_going(); });
    RetryPolicy policy{limits};
    for (int tries = 1;; ++tries) {
        try {
            return attempt(connection);
        } catch (AttemptFailure& failure) {
            const bool hopeless =
                failure.remedy == Remedy::none || (!connection.has_answered() && tries >= kTriesOfStrangers);
            const auto delay =
                hopeless ? std::nullopt : policy.next(notes.bytes(), failure.retry_after, chance());
            if (!delay) throw;
            notes.retry(failure.error.message(), *delay);
            if (!notes.wait(*delay)) throw Error{ErrorKind::cancelled, "the transfer was cancelled"};
        }
    }
}

FetchedDocument RegistryClient::pull(const Attempt& attempt, TransferNotes& notes) {
    for (std::size_t i = 0;; ++i) {
        EndpointState& state = shared_.endpoints.at(i);
        const bool last = i + 1 == shared_.endpoints.size();
        FetchLimits limits = shared_.plan.limits;
        if (!last) limits.tries = std::min(limits.tries, kTriesOfStrangers);
        try {
            return with_retries(state, limits, attempt, notes);
        } catch (AttemptFailure& failure) {
            if (last || failure.error.kind() == ErrorKind::cancelled) throw std::move(failure.error);
            notes.retry(fmt::format("mirror {}: {}", state.endpoint.name, failure.error.message()), {});
        }
    }
}

FetchedDocument RegistryClient::push(const Attempt& attempt, TransferNotes& notes) {
    try {
        return with_retries(shared_.endpoints.back(), shared_.plan.limits, attempt, notes);
    } catch (AttemptFailure& failure) {
        throw std::move(failure.error);
    }
}

FetchedDocument RegistryClient::head_manifest(const std::string& reference, TransferNotes& notes) {
    const Attempt attempt = [&](RegistryConnection& connection) {
        HttpRequest request;
        request.method = HttpMethod::head;
        request.headers = {std::string{kAccept}};
        const Endpoint& endpoint = connection.endpoint();
        const HttpAnswer answer =
            connection.ask(request, manifest_path(endpoint, reference), pull_scopes(endpoint)).answer;
        check_success(answer, {200}, manifest_subject(endpoint, reference));
        FetchedDocument document = document_of(answer.headers);
        document.size = content_length(answer.headers).value_or(0);
        return document;
    };
    return pull(attempt, notes);
}

FetchedDocument RegistryClient::get_manifest(const std::string& reference, int file, TransferNotes& notes) {
    const Attempt attempt = [&](RegistryConnection& connection) {
        HttpRequest request;
        request.headers = {std::string{kAccept}};
        request.max_body = kMaxManifestBytes;
        const Endpoint& endpoint = connection.endpoint();
        const HttpAnswer answer =
            connection.ask(request, manifest_path(endpoint, reference), pull_scopes(endpoint)).answer;
        check_success(answer, {200}, manifest_subject(endpoint, reference));
        write_document(file, answer.body);
        FetchedDocument document = document_of(answer.headers);
        document.size = answer.body.size();
        return document;
    };
    return pull(attempt, notes);
}

FetchedDocument RegistryClient::get_blob(const FetchRequest& request, int file, TransferNotes& notes) {
    BlobDownload download{request, file, notes};
    return pull([&](RegistryConnection& connection) { return download.attempt(connection); }, notes);
}

FetchedDocument RegistryClient::put_blob(const FetchRequest& request, int file, TransferNotes& notes) {
    BlobSender upload{request, file, notes};
    return push([&](RegistryConnection& connection) { return upload.attempt(connection); }, notes);
}

FetchedDocument RegistryClient::put_manifest(const FetchRequest& wanted, int file, TransferNotes& notes) {
    const Attempt attempt = [&](RegistryConnection& connection) {
        HttpRequest request;
        request.method = HttpMethod::put;
        request.headers = {"Content-Type: " + wanted.media_type};
        request.file = file;
        request.file_size = size_of(file);
        request.slow_answer = true;
        const Endpoint& endpoint = connection.endpoint();
        const HttpAnswer answer = connection
                                      .ask(request, manifest_path(endpoint, wanted.reference),
                                           {repository_scope(endpoint.repository, "pull,push")})
                                      .answer;
        check_success(answer, {200, 201, 202}, manifest_subject(endpoint, wanted.reference));
        FetchedDocument document = document_of(answer.headers);
        document.media_type = wanted.media_type;
        document.size = request.file_size;
        document.outcome = FetchOutcome::uploaded;
        return document;
    };
    return push(attempt, notes);
}

FetchedDocument RegistryClient::ping(TransferNotes& notes) {
    const Attempt attempt = [](RegistryConnection& connection) {
        const Endpoint& endpoint = connection.endpoint();
        const HttpAnswer answer = connection.ask({}, "/v2/", {}).answer;
        if (answer.status == 404)
            throw AttemptFailure{Error{ErrorKind::not_found,
                                       fmt::format("{} is not a registry: it has no /v2/", endpoint.name)},
                                 Remedy::none};
        check_success(answer, {200}, {endpoint.name, "its base"});
        return FetchedDocument{};
    };
    return push(attempt, notes);
}

}  // namespace stack::registry
