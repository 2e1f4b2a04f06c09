// Compressed streams by their content: gzip (RFC 1952, several members) and zstd (RFC 8878, several frames) in, zstd out.
#pragma once

#include "runtime/image/byte_flow.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace stack::image {

enum class Compression { none, gzip, zstd };

/// How many first bytes `sniff_compression` wants to see.
inline constexpr std::size_t kSniffBytes = 6;
/// Throws Error(not_supported) for formats that are known but not read here (xz, bzip2), with the way out as hint.
Compression sniff_compression(Bytes first);

/// Decompresses what is pushed. Output beyond `limit` bytes is an Error: a bomb is stopped, not stored.
class Decompressor {
  public:
    static std::unique_ptr<Decompressor> make(Compression compression, std::uint64_t limit);
    virtual ~Decompressor() = default;
    /// Throws Error(invalid_input) for corrupt data and for anything but zero bytes after the end.
    virtual void push(Bytes bytes, const ByteSink& sink) = 0;
    /// Throws Error(invalid_input) when the stream is cut off.
    virtual void finish() = 0;
};

/// A producer of the uncompressed stream; `raw` sees the bytes as they come (to hash or to keep them).
ByteProducer decompress(ByteProducer source, std::uint64_t limit, ByteSink raw = {});

class ZstdCompressor {
  public:
    explicit ZstdCompressor(int level);
    ~ZstdCompressor();
    void push(Bytes bytes, const ByteSink& sink);
    void finish(const ByteSink& sink);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace stack::image
