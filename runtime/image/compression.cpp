#include "runtime/image/compression.hpp"

#include "runtime/base/error.hpp"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::image {

namespace {

bool starts_with(Bytes bytes, std::string_view magic) {
    return bytes.size() >= magic.size() && ::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

bool all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

Error corrupt(std::string_view format, std::string_view why) {
    return Error{ErrorKind::invalid_input, fmt::format("corrupt {} data: {}", format, why)};
}

// Counts what comes out; shared by all formats.
class Budget {
  public:
    explicit Budget(std::uint64_t limit) : left_{limit} {}
    void spend(std::size_t bytes) {
        if (bytes > left_)
            throw Error{ErrorKind::invalid_input, "the archive unpacks to more bytes than are allowed"};
        left_ -= bytes;
    }

  private:
    std::uint64_t left_;
};

class PlainStream : public Decompressor {
  public:
    explicit PlainStream(std::uint64_t limit) : budget_{limit} {}
    void push(Bytes bytes, const ByteSink& sink) override {
        budget_.spend(bytes.size());
        sink(bytes);
    }
    void finish() override {}

  private:
    Budget budget_;
};

class GzipStream : public Decompressor {
  public:
    explicit GzipStream(std::uint64_t limit) : budget_{limit}, buffer_(kChunkSize) {
        constexpr int kGzipOnly = 16 + MAX_WBITS;
        if (::inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc{};
    }
    ~GzipStream() override { ::inflateEnd(&stream_); }

    void push(Bytes bytes, const ByteSink& sink) override {
        while (!bytes.empty()) {
            if (ended_) {
                // Another member may follow; padding by zero bytes is what tape blocks left behind.
                if (all_zero(bytes)) return;
                if (bytes.front() != std::byte{0x1f}) throw corrupt("gzip", "something follows its end");
                ::inflateReset(&stream_);
                ended_ = false;
            }
            inflate_some(bytes, sink);
        }
    }
    void finish() override {
        if (!ended_) throw corrupt("gzip", "it is cut off");
    }

  private:
    void inflate_some(Bytes& bytes, const ByteSink& sink) {
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
        stream_.avail_in = static_cast<uInt>(bytes.size());
        do {
            stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
            stream_.avail_out = static_cast<uInt>(buffer_.size());
            const int result = ::inflate(&stream_, Z_NO_FLUSH);
            const std::size_t made = buffer_.size() - stream_.avail_out;
            if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
                throw corrupt("gzip", stream_.msg ? stream_.msg : "bad block");
            budget_.spend(made);
            if (made > 0) sink(Bytes{buffer_.data(), made});
            ended_ = result == Z_STREAM_END;
        } while (!ended_ && stream_.avail_out == 0);
        bytes = bytes.subspan(bytes.size() - stream_.avail_in);
    }

    z_stream stream_{};
    Budget budget_;
    std::vector<std::byte> buffer_;
    bool ended_ = false;
};

class ZstdStream : public Decompressor {
  public:
    explicit ZstdStream(std::uint64_t limit)
        : context_{::ZSTD_createDCtx()}, budget_{limit}, buffer_(::ZSTD_DStreamOutSize()) {
        if (!context_) throw std::bad_alloc{};
        // 64 MiB of history: what `zstd -19` and all registries stay below; a frame may not ask for gigabytes.
        constexpr int kMaxWindowLog = 26;
        ::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
    }

    void push(Bytes bytes, const ByteSink& sink) override {
        ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
        bool full = false;
        while (in.pos < in.size || full) {
            ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
            const std::size_t result = ::ZSTD_decompressStream(context_.get(), &out, &in);
            if (::ZSTD_isError(result) != 0) {
                if (ended_ && all_zero(bytes.subspan(std::min(in.pos, bytes.size())))) return;
                throw corrupt("zstd", ::ZSTD_getErrorName(result));
            }
            budget_.spend(out.pos);
            if (out.pos > 0) sink(Bytes{buffer_.data(), out.pos});
            ended_ = result == 0;
            full = out.pos == out.size && !ended_;
        }
    }
    void finish() override {
        if (!ended_) throw corrupt("zstd", "it is cut off");
    }

  private:
    struct Free {
        void operator()(ZSTD_DCtx* context) const { ::ZSTD_freeDCtx(context); }
    };
    std::unique_ptr<ZSTD_DCtx, Free> context_;
    Budget budget_;
    std::vector<std::byte> buffer_;
    bool ended_ = false;
};

}  // namespace

Compression sniff_compression(Bytes first) {
    using namespace std::string_view_literals;
    if (starts_with(first, "\x1f\x8b"sv)) return Compression::gzip;
    if (starts_with(first, "\x28\xb5\x2f\xfd"sv)) return Compression::zstd;
    // A zstd stream may begin with a skippable frame (0x184D2A5?, little endian).
    if (first.size() >= 4 && (static_cast<unsigned>(first[0]) & 0xf0u) == 0x50u &&
        starts_with(first.subspan(1), "\x2a\x4d\x18"sv))
        return Compression::zstd;
    const auto refuse = [](std::string_view name, std::string_view tool) {
        throw Error{ErrorKind::not_supported, fmt::format("{} compression is not supported", name)}.with_hint(
            fmt::format("decompress it first: {} -d <file>", tool));
    };
    if (starts_with(first, "\xfd\x37\x7a\x58\x5a\x00"sv)) refuse("xz", "xz");
    if (starts_with(first, "BZh"sv)) refuse("bzip2", "bzip2");
    if (starts_with(first, "PK\x03\x04"sv))
        throw Error{ErrorKind::not_supported, "this is a zip file, not a tar archive"};
    return Compression::none;
}

std::unique_ptr<Decompressor> Decompressor::make(Compression compression, std::uint64_t limit) {
    switch (compression) {
        case Compression::none:
            return std::make_unique<PlainStream>(limit);
        case Compression::gzip:
            return std::make_unique<GzipStream>(limit);
        case Compression::zstd:
            return std::make_unique<ZstdStream>(limit);
    }
    return nullptr;
}

ByteProducer decompress(ByteProducer source, std::uint64_t limit, ByteSink raw) {
    return [source = std::move(source), limit, raw = std::move(raw)](const ByteSink& sink) {
        std::unique_ptr<Decompressor> decompressor;
        std::vector<std::byte> head;  // until there is enough to tell the format
        const auto begin = [&] {
            decompressor = Decompressor::make(sniff_compression(head), limit);
            decompressor->push(head, sink);
        };
        source([&](Bytes bytes) {
            if (raw) raw(bytes);
            if (decompressor) return decompressor->push(bytes, sink);
            head.insert(head.end(), bytes.begin(), bytes.end());
            if (head.size() >= kSniffBytes) begin();
        });
        if (!decompressor) begin();
        decompressor->finish();
    };
}

struct ZstdCompressor::Impl {
    ZSTD_CCtx* context = ::ZSTD_createCCtx();
    std::vector<std::byte> buffer = std::vector<std::byte>(::ZSTD_CStreamOutSize());

    void run(Bytes bytes, ZSTD_EndDirective mode, const ByteSink& sink) {
        ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
        for (;;) {
            ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
            const std::size_t left = ::ZSTD_compressStream2(context, &out, &in, mode);
            if (::ZSTD_isError(left) != 0)
                throw Error{ErrorKind::failed, fmt::format("zstd: {}", ::ZSTD_getErrorName(left))};
            if (out.pos > 0) sink(Bytes{buffer.data(), out.pos});
            if (mode == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
        }
    }
};

ZstdCompressor::ZstdCompressor(int level) : impl_{std::make_unique<Impl>()} {
    if (impl_->context == nullptr) throw std::bad_alloc{};
    ::ZSTD_CCtx_setParameter(impl_->context, ZSTD_c_compressionLevel, level);
    ::ZSTD_CCtx_setParameter(impl_->context, ZSTD_c_checksumFlag, 1);
}
ZstdCompressor::~ZstdCompressor() {
    ::ZSTD_freeCCtx(impl_->context);
}
void ZstdCompressor::push(Bytes bytes, const ByteSink& sink) {
    impl_->run(bytes, ZSTD_e_continue, sink);
}
void ZstdCompressor::finish(const ByteSink& sink) {
    impl_->run({}, ZSTD_e_end, sink);
}

}  // namespace stack::image
