// The client side of the fetcher: the process that speaks with one registry about one repository, so that those who
// hold credentials' files, locks or a parser never touch the network. Its start is in fetcher_process.hpp, the wire
// format in fetch_protocol.hpp.
//
//     outer (store, credentials)  ── forks ──►  fetcher (network, TLS; no privileges)
//        └── forks ──►  inner (sandbox) ◄── SOCK_SEQPACKET with descriptors ──┘
//
// Needs of a sandbox: pipe2, sendmsg, poll, read, close.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/registry/fetch_protocol.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stack::registry {

enum class FetchOutcome {
    fetched,   ///< asked for, and here now
    present,   ///< the registry had the blob already
    mounted,   ///< taken from another repository of the registry
    uploaded,  ///< sent
};

/// What a request brought. Digest and media type are the registry's claims: whoever uses the bytes checks them.
struct FetchedDocument {
    std::string digest;      ///< checked for form; empty when the registry named none
    std::string media_type;  ///< empty when the registry named none
    std::uint64_t size = 0;  ///< bytes of the manifest or blob
    FetchOutcome outcome = FetchOutcome::fetched;
    bool operator==(const FetchedDocument&) const = default;
};

struct Note {
    NoteKind kind = NoteKind::progress;  ///< never `failed`: that is thrown
    std::uint64_t bytes = 0;             ///< of the file, at `progress`; grows only
    std::string message;                 ///< at `retry`: why
    std::chrono::milliseconds retry_in{0};
    FetchedDocument document;  ///< at `done`
};

struct BlobRequest {
    std::string digest;
    std::uint64_t size = 0;
    std::uint64_t offset = 0;  ///< bytes that the file has already
    std::vector<std::string> urls;
};

struct BlobUpload {
    std::string digest;
    std::uint64_t size = 0;
    std::string mount_from;  ///< a repository of the same registry that may have the blob; may be empty
};

/// One request under way. Destroying it cancels the request. One thread at a time.
class Transfer {
  public:
    /// `notes`: the read end of the request's pipe.
    explicit Transfer(UniqueFd notes) : notes_{std::move(notes)} {}

    /// Readable when `next` has something to say.
    [[nodiscard]] int notes_fd() const { return notes_.get(); }
    /// Blocks. nullopt once `done` has been told. Throws the fetcher's Error when the request failed, and
    /// Error(failed) when the fetcher has died.
    std::optional<Note> next();
    /// Passes over progress and retries; what `done` says. Throws as `next` does.
    FetchedDocument finish();

  private:
    UniqueFd notes_;
    FetchedDocument document_;
    bool done_ = false;
};

/// One end of the socket to a fetcher. Files stay the caller's: the fetcher gets duplicates, reads and writes them at
/// explicit offsets and never moves the shared one. Callable from several threads. Every call throws Error(failed)
/// when the fetcher has died; whatever else goes wrong is told by the Transfer.
class Fetcher {
  public:
    explicit Fetcher(UniqueFd socket) : socket_{std::move(socket)} {}

    /// Digest, media type and size of a manifest without its body. Any may be missing from the answer.
    Transfer head_manifest(std::string reference);
    /// The manifest or index, at most kMaxManifestBytes, written to `file` from offset 0.
    Transfer get_manifest(std::string reference, int file);
    /// Bytes of a blob from `request.offset` on, appended to `file` as they come; never more than `size` in all.
    Transfer get_blob(const BlobRequest& request, int file);
    /// Sends the first `upload.size` bytes of `file`, unless the registry has the blob or can mount it.
    Transfer put_blob(const BlobUpload& upload, int file);
    /// Sends all of `file`.
    Transfer put_manifest(std::string reference, std::string media_type, int file);
    /// Asks whether the registry is one, and takes our credentials.
    Transfer ping();

  private:
    Transfer send(const FetchRequest& request, int file);
    UniqueFd socket_;
};

}  // namespace stack::registry
