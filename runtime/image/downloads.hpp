// The blobs of one pull on their way into the store's folder of downloads, readable while they grow.
//
// A blob that another pull is filling already is not asked for: its file is watched instead, and taken over when that
// pull ends without having finished (download_file.hpp). Bytes are claims until they have been hashed by whoever reads
// them (layer_import.hpp). Runs in the sandbox; one thread of its own asks the fetcher and hears it.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/byte_flow.hpp"
#include "runtime/image/layer_events.hpp"
#include "runtime/image/manifest.hpp"
#include "runtime/image/registry/fetcher.hpp"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace stack::image {

class Downloads {
  public:
    /// `folder`: the folder of downloads, `store_blobs`: that of the store's blobs, both the caller's; all outlive it.
    Downloads(int folder, int store_blobs, registry::Fetcher& fetcher, EventWriter& events,
              LayerEvents& layers);
    /// Cancels what is under way. The files stay.
    ~Downloads();
    Downloads(const Downloads&) = delete;
    Downloads& operator=(const Downloads&) = delete;

    /// Asks for the blob, at most once. Throws Error.
    void add(const Descriptor& blob);
    /// How many bytes of all that was added are still to come.
    [[nodiscard]] std::uint64_t missing_bytes() const;
    /// Begins with all that was added, in that order. Call once.
    void start();

    /// Bytes of a blob that was added, as they come. The producer throws Error when they can't be had.
    [[nodiscard]] ByteProducer bytes(const std::string& digest);
    /// The bytes were not those of the digest. True when some of them were there before this pull: the blob is fetched
    /// anew then, and `bytes` begins again. False otherwise: the file is removed.
    bool reject(const std::string& digest);
    /// Bytes that came over the network so far.
    [[nodiscard]] std::uint64_t downloaded() const;

  private:
    struct Download;

    void listen();
    void wait_for_news();
    void advance(Download& download);
    void hear(Download& download);
    void grow(Download& download, std::uint64_t bytes);
    void finish(Download& download);
    void produce(const Download& download, const ByteSink& sink);
    [[nodiscard]] std::uint64_t wait_for_more(const Download& download, std::uint64_t seen);
    [[nodiscard]] std::uint64_t bytes_of(const Download& download) const;
    void wake() const;

    int folder_, store_blobs_;
    registry::Fetcher& fetcher_;
    EventWriter& events_;
    LayerEvents& layers_;
    Pipe wake_;
    mutable std::mutex mutex_;  ///< guards the downloads and what follows
    std::condition_variable changed_;
    std::map<std::string, std::unique_ptr<Download>> downloads_;
    std::vector<Download*> order_;
    std::exception_ptr error_;  ///< of any download: the pull fails as a whole, and at once
    std::uint64_t downloaded_ = 0;
    bool stopping_ = false;
    std::thread listener_;
};

}  // namespace stack::image
