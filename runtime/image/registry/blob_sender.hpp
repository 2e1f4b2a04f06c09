// One blob out of a file: not at all when the registry has it, by mounting it from another repository, or in chunks that
// can be resumed (distribution-spec, "Pushing blobs").
#pragma once

#include "runtime/image/registry/fetch_protocol.hpp"
#include "runtime/image/registry/fetcher.hpp"
#include "runtime/image/registry/registry_connection.hpp"
#include "runtime/image/registry/registry_error.hpp"
#include "runtime/image/registry/transfer_notes.hpp"

#include <cstdint>
#include <string>

namespace stack::registry {

class BlobSender {
  public:
    /// `request` and `notes` outlive the object.
    BlobSender(const FetchRequest& request, int file, TransferNotes& notes)
        : request_{request}, file_{file}, notes_{notes} {}

    /// Goes on where the registry says that the last attempt ended. Throws AttemptFailure; Error when the file can't
    /// be read.
    FetchedDocument attempt(RegistryConnection& connection);

  private:
    [[nodiscard]] bool registry_has_it(RegistryConnection& connection) const;
    /// True when the blob was mounted; else an upload is open at `session_`.
    bool open_session(RegistryConnection& connection);
    /// Asks how far the upload is; no session any more when the registry has forgotten it.
    void resume_session(RegistryConnection& connection);
    void send_chunk(RegistryConnection& connection);
    void commit(RegistryConnection& connection);
    void remember_location(const RegistryConnection::Reply& reply);

    [[nodiscard]] Scopes scopes(const RegistryConnection& connection) const;
    [[nodiscard]] Subject subject(const RegistryConnection& connection) const;
    [[nodiscard]] FetchedDocument document(FetchOutcome outcome) const;

    const FetchRequest& request_;
    int file_;
    TransferNotes& notes_;
    std::string session_;     ///< where the upload goes on; empty: none is open
    std::uint64_t sent_ = 0;  ///< bytes that the registry has
};

}  // namespace stack::registry
