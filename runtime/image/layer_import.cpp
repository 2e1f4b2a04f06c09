#include "runtime/image/layer_import.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/manifest.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

namespace stack::image {

namespace {

// Level 1: faster than the disk, two thirds of gzip's size; a blob of this store is seldom read again.
constexpr int kZstdLevel = 1;
constexpr std::uint64_t kArchiveOverhead = std::uint64_t{8}
                                           << 30;  // headers and padding of four million entries

// The blob's digest, and its file where one is written.
class BlobFile {
  public:
    explicit BlobFile(int fd) : fd_{fd} {}
    void write(Bytes bytes) {
        hash_.update(bytes);
        if (fd_ >= 0)
            write_all(fd_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "the layer's blob");
        size_ += bytes.size();
    }
    std::string digest() { return hash_.finish(); }
    [[nodiscard]] std::uint64_t size() const { return size_; }

  private:
    int fd_;
    Sha256 hash_;
    std::uint64_t size_ = 0;
};

std::string_view media_type_of(Compression compression) {
    switch (compression) {
        case Compression::gzip:
            return kOciLayerGzipType;
        case Compression::zstd:
            return kOciLayerZstdType;
        case Compression::none:
            break;
    }
    return kOciLayerTarType;
}

// Runs `work` and keeps its exception for the thread that joins.
class Worker {
  public:
    explicit Worker(std::function<void()> work)
        : thread_{[this, work = std::move(work)] {
              try {
                  work();
              } catch (...) {
                  error_ = std::current_exception();
              }
          }} {}
    ~Worker() { join(); }
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    void rethrow() {
        join();
        if (error_) std::rethrow_exception(error_);
    }

  private:
    std::exception_ptr error_;
    std::thread thread_;
};

class Pipeline {
  public:
    explicit Pipeline(const LayerJob& job) : job_{job}, blob_{job.blob} {}

    LayerOutcome run() {
        Worker reader{[this] { read(); }};
        Worker hasher{[this] { hash(); }};
        std::exception_ptr unpack_error;
        try {
            unpack();
        } catch (...) {
            unpack_error = std::current_exception();
            stop_ = true;
        }
        to_unpacker_.abandon();
        hasher.join();
        reader.join();
        // A broken source makes the others fail as well: its own reason is the one to tell.
        reader.rethrow();
        hasher.rethrow();
        if (unpack_error) std::rethrow_exception(unpack_error);
        outcome_.blob_digest = blob_.digest();
        outcome_.blob_size = blob_.size();
        return std::move(outcome_);
    }

  private:
    struct Stopped {};  // thrown through the reader when one of the others has failed

    void read() {
        try {
            Chunker chunker{[this](Chunk chunk) {
                if (stop_) throw Stopped{};
                to_hasher_.push(chunk);
                to_unpacker_.push(std::move(chunk));
            }};
            std::uint64_t seen = 0;
            std::vector<std::byte> head;
            const ByteSink raw = [&](Bytes bytes) {
                if (head.size() < kSniffBytes)
                    head.insert(
                        head.end(), bytes.begin(),
                        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), kSniffBytes)));
                if (job_.keep_bytes) blob_.write(bytes);
                seen += bytes.size();
                if (job_.progress) job_.progress(seen);
            };
            decompress(job_.source, job_.limits.bytes + kArchiveOverhead,
                       raw)([&](Bytes bytes) { chunker.write(bytes); });
            chunker.flush();
            outcome_.media_type =
                job_.keep_bytes ? media_type_of(sniff_compression(head)) : kOciLayerZstdType;
            to_hasher_.close();
            to_unpacker_.close();
        } catch (const Stopped&) {
            to_hasher_.close();
            to_unpacker_.close();
        } catch (...) {
            to_hasher_.close();
            to_unpacker_.close(std::current_exception());
            throw;
        }
    }

    void hash() {
        try {
            Sha256 diff;
            std::optional<ZstdCompressor> compressor;
            if (!job_.keep_bytes) compressor.emplace(kZstdLevel);
            const ByteSink to_blob = [this](Bytes bytes) { blob_.write(bytes); };
            while (const Chunk chunk = to_hasher_.pop()) {
                diff.update(*chunk);
                if (compressor) compressor->push(*chunk, to_blob);
            }
            if (compressor) compressor->finish(to_blob);
            outcome_.diff_id = diff.finish();
        } catch (...) {
            stop_ = true;
            to_hasher_.abandon();
            throw;
        }
    }

    void unpack() {
        if (job_.folder < 0) {
            to_unpacker_.abandon();
            return;
        }
        ArchiveReader archive{to_unpacker_};
        outcome_.unpacked = LayerUnpacker{job_.folder, job_.limits, job_.warn}.unpack(archive);
        // What follows the end of the archive is part of the digest, but of nothing else.
    }

    const LayerJob& job_;
    BlobFile blob_;
    ChunkQueue to_hasher_, to_unpacker_;
    LayerOutcome outcome_;
    std::atomic<bool> stop_ = false;
};

}  // namespace

LayerOutcome import_layer(const LayerJob& job) {
    return Pipeline{job}.run();
}

}  // namespace stack::image
