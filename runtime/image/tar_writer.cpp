#include "runtime/image/tar_writer.hpp"

#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMaxOctal11 = 077777777777;  // 8 GiB - 1
constexpr std::int64_t kMaxOctal7 = 07777777;

// The ustar header of pax(1); numbers are octal text.
struct Header {
    std::array<char, 100> name;
    std::array<char, 8> mode, uid, gid;
    std::array<char, 12> size, mtime;
    std::array<char, 8> checksum;
    char type;
    std::array<char, 100> link;
    std::array<char, 6> magic;
    std::array<char, 2> version;
    std::array<char, 32> user, group;
    std::array<char, 8> major, minor;
    std::array<char, 155> prefix;
    std::array<char, 12> unused;
};
static_assert(sizeof(Header) == kBlock);

template <std::size_t N>
void put_text(std::array<char, N>& field, std::string_view text) {
    std::memcpy(field.data(), text.data(), std::min(N, text.size()));
}

template <std::size_t N>
void put_octal(std::array<char, N>& field, std::uint64_t value) {
    put_text(field, fmt::format("{:0{}o}", value, N - 1));
}

char type_flag(EntryType type) {
    switch (type) {
        case EntryType::directory:
            return '5';
        case EntryType::symlink:
            return '2';
        case EntryType::hard_link:
            return '1';
        case EntryType::fifo:
            return '6';
        default:
            return '0';
    }
}

// `LENGTH key=value\n`, where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
    const std::size_t rest = key.size() + value.size() + 3;
    std::size_t length = rest + 1;
    while (fmt::formatted_size("{}", length) + rest != length)
        length = fmt::formatted_size("{}", length) + rest;
    std::string record = fmt::format("{} {}=", length, key);
    record += value;
    return record += '\n';
}

std::string pax_records(const ArchiveEntry& entry, std::string_view name) {
    std::string records;
    if (name.size() > 100) records += pax_record("path", name);
    if (entry.link.size() > 100) records += pax_record("linkpath", entry.link);
    if (entry.size > kMaxOctal11) records += pax_record("size", fmt::format("{}", entry.size));
    if (entry.uid > kMaxOctal7) records += pax_record("uid", fmt::format("{}", entry.uid));
    if (entry.gid > kMaxOctal7) records += pax_record("gid", fmt::format("{}", entry.gid));
    for (const auto& [key, value] : entry.xattrs) records += pax_record("SCHILY.xattr." + key, value);
    return records;
}

}  // namespace

void TarWriter::block(const ArchiveEntry& entry, std::string_view name, std::string_view link, char type,
                      std::uint64_t size) {
    Header header{};
    put_text(header.name, name);
    put_octal(header.mode, entry.permissions);
    put_octal(header.uid, static_cast<std::uint64_t>(entry.uid > kMaxOctal7 ? 0 : entry.uid));
    put_octal(header.gid, static_cast<std::uint64_t>(entry.gid > kMaxOctal7 ? 0 : entry.gid));
    put_octal(header.size, size > kMaxOctal11 ? 0 : size);
    put_octal(header.mtime,
              static_cast<std::uint64_t>(std::max<time_t>(entry.modified.tv_sec, 0)) & kMaxOctal11);
    header.type = type;
    put_text(header.link, link);
    put_text(header.magic, {"ustar\0", 6});
    put_text(header.version, "00");
    header.checksum.fill(' ');
    unsigned sum = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
    for (std::size_t i = 0; i < kBlock; ++i) sum += bytes[i];
    put_text(header.checksum, {fmt::format("{:06o}\0 ", sum).data(), 6});
    header.checksum[6] = '\0';
    sink_(std::as_bytes(std::span{&header, 1}));
}

void TarWriter::pad(std::uint64_t written) {
    static constexpr std::array<std::byte, kBlock> kZeros{};
    const std::size_t over = written % kBlock;
    if (over != 0) sink_(Bytes{kZeros.data(), kBlock - over});
}

void TarWriter::header(const ArchiveEntry& entry) {
    std::string name = entry.name;
    if (entry.type == EntryType::directory && !name.ends_with('/')) name += '/';
    if (const std::string records = pax_records(entry, name); !records.empty()) {
        ArchiveEntry extended;
        extended.permissions = 0644;
        block(extended, "PaxHeader", "", 'x', records.size());
        sink_(std::as_bytes(std::span{records.data(), records.size()}));
        pad(records.size());
    }
    const std::uint64_t size = entry.type == EntryType::file ? entry.size : 0;
    block(entry, std::string_view{name}.substr(0, 100), std::string_view{entry.link}.substr(0, 100),
          type_flag(entry.type), size);
    entry_bytes_ = 0;
}

void TarWriter::data(Bytes bytes) {
    entry_bytes_ += bytes.size();
    sink_(bytes);
}

void TarWriter::end_of_entry() {
    pad(entry_bytes_);
}

void TarWriter::end_of_archive() {
    static constexpr std::array<std::byte, 2 * kBlock> kZeros{};
    sink_(kZeros);
}

}  // namespace stack::image
