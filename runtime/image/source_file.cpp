#include "runtime/image/source_file.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/entry_name.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::image {

namespace {

std::vector<std::byte> first_bytes(const ByteProducer& producer) {
    constexpr std::size_t kEnough = 256u << 10;
    struct Enough {};
    std::vector<std::byte> result;
    try {
        producer([&](Bytes bytes) {
            result.insert(result.end(), bytes.begin(), bytes.end());
            if (result.size() >= kEnough) throw Enough{};
        });
    } catch (const Enough&) {
    }
    return result;
}

}  // namespace

SourceFile::SourceFile(int fd, const std::string& name, int staging, std::uint64_t limit,
                       StagingEvents events)
    : events_{std::move(events)}, limit_{limit}, staging_{staging}, file_{fd} {
    struct stat info {};
    if (::fstat(fd, &info) != 0) throw_errno("read the source");
    // An archive of images is read more than once.
    if (!S_ISREG(info.st_mode)) spool(produce_file(fd, 0, kToEnd));
    measure();
    const std::vector<std::byte> start = first_bytes(decompress(bytes(), limit));
    try {
        kind_ = kind_of_archive(start);
    } catch (Error& error) {
        throw Error{ErrorKind::invalid_input,
                    fmt::format("{} is neither a folder nor a tar archive", shown_name(name))}
            .with_hint(
                "give a root file system (folder, tar, tar.gz, tar.zst), an OCI layout or a `docker save` "
                "archive");
    }
}

std::unique_ptr<Members> SourceFile::members() {
    // Files inside a compressed archive can't be reached one by one.
    std::vector<std::byte> head = first_bytes(bytes());
    if (sniff_compression(head) != Compression::none) {
        spool(decompress(bytes(), limit_));
        measure();
    }
    return members_of_archive(file_);
}

void SourceFile::spool(const ByteProducer& bytes) {
    constexpr const char* kName = "spool";
    UniqueFd file = open_at(staging_, kName, O_RDWR | O_CREAT | O_EXCL, Resolve::beneath_no_links, 0600);
    if (::unlinkat(staging_, kName, 0) != 0)
        throw_errno("hide the copy of the source");  // freed whatever happens
    std::uint64_t done = 0;
    bytes([&](Bytes part) {
        write_all(file.get(), {reinterpret_cast<const char*>(part.data()), part.size()},
                  "the staging folder");
        done += part.size();
        events_.progress("copy", done, 0);
    });
    spooled_ = std::move(file);
    file_ = spooled_.get();
}

void SourceFile::measure() {
    struct stat info {};
    if (::fstat(file_, &info) != 0) throw_errno("read the source");
    size_ = static_cast<std::uint64_t>(info.st_size);
}

}  // namespace stack::image
