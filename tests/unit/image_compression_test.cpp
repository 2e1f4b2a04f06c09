#include "runtime/base/error.hpp"
#include "runtime/image/compression.hpp"

#include <zlib.h>

#include <string>

#include <gtest/gtest.h>

namespace stack::image {
namespace {

Bytes bytes_of(const std::string& text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

std::string gzip(const std::string& text) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, static_cast<uLong>(text.size())) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string zstd(const std::string& text) {
    std::string out;
    const ByteSink sink = [&](Bytes b) { out.append(reinterpret_cast<const char*>(b.data()), b.size()); };
    ZstdCompressor compressor{1};
    compressor.push(bytes_of(text), sink);
    compressor.finish(sink);
    return out;
}

// Pushed in pieces of `step` bytes, as a network would.
std::string unpack(const std::string& packed, std::uint64_t limit = 1u << 20, std::size_t step = 7) {
    std::string out;
    decompress(
        [&](const ByteSink& sink) {
            for (std::size_t at = 0; at < packed.size(); at += step) sink(bytes_of(packed.substr(at, step)));
        },
        limit)([&](Bytes b) { out.append(reinterpret_cast<const char*>(b.data()), b.size()); });
    return out;
}

const std::string kText = [] {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += std::to_string(i * 7919) + ' ';
    return text;
}();

TEST(Compression, IsToldByContent) {
    for (const std::size_t step : {1u, 7u, 1000000u}) {
        EXPECT_EQ(unpack(kText, 1u << 20, step), kText);
        EXPECT_EQ(unpack(gzip(kText), 1u << 20, step), kText);
        EXPECT_EQ(unpack(zstd(kText), 1u << 20, step), kText);
    }
    EXPECT_EQ(unpack(""), "");
}

TEST(Compression, ReadsSeveralMembersAndFrames) {
    EXPECT_EQ(unpack(gzip("one ") + gzip("two")), "one two");
    EXPECT_EQ(unpack(zstd("one ") + zstd("two")), "one two");
    EXPECT_EQ(unpack(gzip("one") + std::string(1024, '\0')), "one") << "padding";
}

TEST(Compression, RefusesCutOffAndTrailingData) {
    for (const std::string& packed : {gzip(kText), zstd(kText)}) {
        EXPECT_THROW(unpack(packed.substr(0, packed.size() - 1)), Error);
        EXPECT_THROW(unpack(packed.substr(0, packed.size() / 2)), Error);
        EXPECT_THROW(unpack(packed + "garbage"), Error);
        std::string broken = packed;
        broken[broken.size() / 2] = static_cast<char>(broken[broken.size() / 2] ^ 0x55);
        EXPECT_THROW(unpack(broken), Error);
    }
}

TEST(Compression, StopsABomb) {
    const std::string zeros(8u << 20, '\0');
    EXPECT_THROW(unpack(gzip(zeros), 1u << 20, 4096), Error);
    EXPECT_THROW(unpack(zstd(zeros), 1u << 20, 4096), Error);
}

TEST(Compression, NamesFormatsItDoesNotRead) {
    try {
        unpack(std::string{"\xfd\x37\x7a\x58\x5a\x00rest", 10});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::not_supported);
        EXPECT_NE(error.hint().find("xz -d"), std::string::npos);
    }
}

}  // namespace
}  // namespace stack::image
