// How bytes move through the worker: producers push into sinks; a ChunkQueue carries them between two threads with
// a bounded amount in flight, so that memory stays small whatever an archive's size is.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace stack::image {

using Bytes = std::span<const std::byte>;
/// Takes bytes that are valid during the call only.
using ByteSink = std::function<void(Bytes)>;
/// Pushes a whole stream into the sink, then returns. Throws what the sink throws.
using ByteProducer = std::function<void(const ByteSink&)>;

using Chunk = std::shared_ptr<const std::vector<std::byte>>;
inline constexpr std::size_t kChunkSize = 256u << 10;

/// One producer thread, one consumer thread.
class ChunkQueue {
  public:
    explicit ChunkQueue(std::size_t capacity = 16) : capacity_{capacity} {}
    ChunkQueue(const ChunkQueue&) = delete;
    ChunkQueue& operator=(const ChunkQueue&) = delete;

    /// Blocks while the queue is full. After `abandon` the chunk is dropped.
    void push(Chunk chunk);
    /// The producer has finished; with an error, `pop` throws it once the queue is empty.
    void close(std::exception_ptr error = nullptr);
    /// nullptr at the end.
    Chunk pop();
    /// The consumer wants no more; the producer goes on for the others.
    void abandon();

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Chunk> chunks_;
    std::size_t capacity_;
    bool closed_ = false;
    bool abandoned_ = false;
    std::exception_ptr error_;
};

/// Gathers small writes into chunks of kChunkSize and hands each to `full`.
class Chunker {
  public:
    explicit Chunker(std::function<void(Chunk)> full) : full_{std::move(full)} {}
    void write(Bytes bytes);
    void flush();

  private:
    std::function<void(Chunk)> full_;
    std::shared_ptr<std::vector<std::byte>> current_;
};

/// The bytes of a file from `offset` on: `size` of them, or all that come when `size` is kToEnd (pipes; read(2) is used
/// then). Throws Error when the file ends early.
inline constexpr std::uint64_t kToEnd = UINT64_MAX;
ByteProducer produce_file(int fd, std::uint64_t offset, std::uint64_t size);

}  // namespace stack::image
