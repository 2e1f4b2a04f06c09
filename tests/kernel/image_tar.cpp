#include "tests/kernel/image_tar.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::test {

namespace {

constexpr std::size_t kBlock = 512;

void put(std::string& block, std::size_t at, std::size_t width, std::string_view text) {
    block.replace(at, std::min(width, text.size()), text.substr(0, width));
}

// Octal, or GNU's base-256 where that is too short.
void put_number(std::string& block, std::size_t at, std::size_t width, std::int64_t value) {
    const std::string octal = fmt::format("{:0{}o}", static_cast<std::uint64_t>(value), width - 1);
    if (value >= 0 && octal.size() < width) return put(block, at, width, octal);
    for (std::size_t i = 0; i < width; ++i) {
        const std::size_t shift = 8 * (width - 1 - i);
        const std::int64_t byte = shift >= 64 ? (value < 0 ? 0xff : 0) : value >> shift & 0xff;
        block[at + i] = static_cast<char>(byte);
    }
    block[at] = static_cast<char>(block[at] | 0x80);
}

}  // namespace

void HostileTar::header(std::string_view name, char type, std::string_view link, std::uint64_t size,
                        unsigned mode, unsigned major, unsigned minor) {
    std::string block(kBlock, '\0');
    put(block, 0, 100, name);
    put_number(block, 100, 8, mode);
    put_number(block, 108, 8, uid_);
    put_number(block, 116, 8, gid_);
    put_number(block, 124, 12, static_cast<std::int64_t>(size));
    put_number(block, 136, 12, time_);
    put(block, 148, 8, "        ");
    block[156] = type;
    put(block, 157, 100, link);
    put(block, 257, 8,
        {"ustar\0"
         "00",
         8});
    put_number(block, 329, 8, major);
    put_number(block, 337, 8, minor);
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(block, 148, 8, fmt::format("{:06o}", sum));
    block[154] = '\0';
    bytes_ += block;
}

void HostileTar::content(std::string_view bytes) {
    bytes_ += bytes;
    bytes_.append((kBlock - bytes.size() % kBlock) % kBlock, '\0');
}

HostileTar& HostileTar::entry(std::string_view name, char type, std::string_view link, std::uint64_t size,
                              unsigned mode, unsigned major, unsigned minor) {
    if (name.size() > 100) pax("path", name);
    if (link.size() > 100) pax("linkpath", link);
    if (!pending_pax_.empty()) {
        const std::string records = std::exchange(pending_pax_, {});
        header("PaxHeader", 'x', "", records.size(), 0644, 0, 0);
        content(records);
    }
    header(name, type, link, size, mode, major, minor);
    uid_ = gid_ = 0;
    time_ = kUsualTime;
    return *this;
}

HostileTar& HostileTar::file(std::string_view name, std::string_view bytes, unsigned mode) {
    entry(name, '0', "", bytes.size(), mode);
    content(bytes);
    return *this;
}
HostileTar& HostileTar::folder(std::string_view name, unsigned mode) {
    return entry(name, '5', "", 0, mode);
}
HostileTar& HostileTar::symlink(std::string_view name, std::string_view target) {
    return entry(name, '2', target, 0, 0777);
}
HostileTar& HostileTar::hard_link(std::string_view name, std::string_view target) {
    return entry(name, '1', target, 0, 0644);
}
HostileTar& HostileTar::fifo(std::string_view name) {
    return entry(name, '6', "", 0, 0600);
}
HostileTar& HostileTar::device(std::string_view name, char type, unsigned major, unsigned minor) {
    return entry(name, type, "", 0, 0666, major, minor);
}
HostileTar& HostileTar::owner(std::int64_t uid, std::int64_t gid) {
    uid_ = uid;
    gid_ = gid;
    return *this;
}
HostileTar& HostileTar::time(std::int64_t seconds) {
    time_ = seconds;
    return *this;
}
HostileTar& HostileTar::special(char type, std::string_view name, std::string_view bytes,
                                std::string_view link) {
    entry(name, type, link, bytes.size(), 0644);
    content(bytes);
    return *this;
}
std::string HostileTar::pax_record(std::string_view key, std::string_view value) {
    const std::size_t rest = key.size() + value.size() + 3;
    std::size_t length = rest + 1;
    while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
    std::string record = fmt::format("{} {}=", length, key);
    record += value;
    return record += '\n';
}
HostileTar& HostileTar::pax(std::string_view key, std::string_view value) {
    pending_pax_ += pax_record(key, value);
    return *this;
}
HostileTar& HostileTar::lying_file(std::string_view name, std::uint64_t declared, std::string_view bytes) {
    entry(name, '0', "", declared, 0644);
    content(bytes);
    return *this;
}
HostileTar& HostileTar::raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
}

std::string HostileTar::finish() const {
    return bytes_ + std::string(2 * kBlock, '\0');
}

}  // namespace stack::test
