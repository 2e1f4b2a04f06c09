// One blob into a file, over as many answers as it takes.
#pragma once

#include "runtime/image/registry/fetch_protocol.hpp"
#include "runtime/image/registry/fetcher.hpp"
#include "runtime/image/registry/registry_connection.hpp"
#include "runtime/image/registry/transfer_notes.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace stack::registry {

class BlobDownload {
  public:
    /// `request` and `notes` outlive the object. The file has the blob's first `request.offset` bytes.
    BlobDownload(const FetchRequest& request, int file, TransferNotes& notes);

    /// Goes on where the last attempt ended, by a range request. A server that sends the whole blob instead is heard
    /// out, and what the file has is passed over: the file only ever grows, so that others may read it meanwhile.
    /// Throws AttemptFailure; Error when the file can't be written.
    FetchedDocument attempt(RegistryConnection& connection);

  private:
    HttpAnswer ask(RegistryConnection& connection);
    void begin(const HttpAnswer& answer);
    void take(std::span<const std::byte> bytes);
    void append(std::span<const std::byte> bytes);

    const FetchRequest& request_;
    int file_;
    TransferNotes& notes_;
    std::uint64_t have_;             ///< bytes of the file
    std::uint64_t passed_over_ = 0;  ///< bytes at the start of this answer that the file has already
    std::string registry_;           ///< for messages
};

}  // namespace stack::registry
