// The pipeline without unpacking (that needs root: kernel ring), and our own tar writer against libarchive's reader.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/image/chain_id.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/layer_import.hpp"
#include "runtime/image/manifest.hpp"
#include "runtime/image/tar_writer.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace stack::image {
namespace {

Bytes bytes_of(const std::string& text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}
ByteProducer producer_of(const std::string& text) {
    return [&text](const ByteSink& sink) { sink(bytes_of(text)); };
}
UniqueFd memory_file() {
    return UniqueFd{::memfd_create("blob", MFD_CLOEXEC)};
}
std::string content_of(int fd) {
    ::lseek(fd, 0, SEEK_SET);
    return read_all(fd, "blob");
}

TEST(LayerImport, KeepsABlobByteForByteAndHashesBothSides) {
    const std::string archive(3'000'000, 'x');
    const UniqueFd blob = memory_file();
    LayerJob job;
    job.source = producer_of(archive);
    job.blob = blob.get();
    const LayerOutcome outcome = import_layer(job);
    EXPECT_EQ(outcome.diff_id, sha256_digest(archive));
    EXPECT_EQ(outcome.blob_digest, outcome.diff_id);
    EXPECT_EQ(outcome.media_type, kOciLayerTarType);
    EXPECT_EQ(content_of(blob.get()), archive);
}

TEST(LayerImport, CompressesAPlainArchive) {
    const std::string archive(3'000'000, 'x');
    const UniqueFd blob = memory_file();
    LayerJob job;
    job.source = producer_of(archive);
    job.blob = blob.get();
    job.keep_bytes = false;
    const LayerOutcome outcome = import_layer(job);
    const std::string packed = content_of(blob.get());
    EXPECT_EQ(outcome.diff_id, sha256_digest(archive));
    EXPECT_EQ(outcome.blob_digest, sha256_digest(packed));
    EXPECT_EQ(outcome.blob_size, packed.size());
    EXPECT_EQ(outcome.media_type, kOciLayerZstdType);
    EXPECT_LT(packed.size(), archive.size() / 100);
    std::string again;
    decompress(producer_of(packed),
               1u << 30)([&](Bytes b) { again.append(reinterpret_cast<const char*>(b.data()), b.size()); });
    EXPECT_EQ(again, archive);
}

TEST(LayerImport, TellsTheSourcesOwnReason) {
    const UniqueFd blob = memory_file();
    LayerJob job;
    job.source = [](const ByteSink& sink) {
        const std::string some(1'000'000, 'x');
        sink(bytes_of(some));
        throw Error{ErrorKind::failed, "the cable was cut"};
    };
    job.blob = blob.get();
    try {
        import_layer(job);
        FAIL();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "the cable was cut");
    }
}

TEST(LayerImport, EndsWhenTheBlobCannotBeWritten) {
    const std::string archive(30'000'000, 'x');  // far more than the queues hold
    const UniqueFd not_writable{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    for (const bool keep : {true, false}) {
        LayerJob job;
        job.source = producer_of(archive);
        job.blob = not_writable.get();
        job.keep_bytes = keep;
        EXPECT_THROW(import_layer(job), Error);
    }
}

std::string tar_of(const std::vector<ArchiveEntry>& entries, const std::string& data) {
    std::string out;
    TarWriter writer{[&](Bytes b) { out.append(reinterpret_cast<const char*>(b.data()), b.size()); }};
    for (ArchiveEntry entry : entries) {
        if (entry.type == EntryType::file) entry.size = data.size();
        writer.header(entry);
        if (entry.type == EntryType::file) {
            writer.data(bytes_of(data));
            writer.end_of_entry();
        }
    }
    writer.end_of_archive();
    return out;
}

TEST(TarWriter, IsReadBackByLibarchive) {
    prepare_archive_locale();
    ArchiveEntry file;
    file.name = std::string(150, 'n') + "/\xc3\xbc" + std::string(120, 'm');
    file.permissions = 04755;
    file.uid = 4'000'000'000;
    file.gid = 33;
    file.modified = {1'700'000'000, 0};
    file.xattrs = {{"user.note", std::string{"a\0b\n", 4}}};
    ArchiveEntry folder;
    folder.name = "folder";
    folder.type = EntryType::directory;
    folder.permissions = 01777;
    ArchiveEntry link;
    link.name = "link";
    link.type = EntryType::symlink;
    link.link = std::string(300, 't');
    const std::string tar = tar_of({file, folder, link}, "hello");
    EXPECT_EQ(tar.size() % 512, 0u);

    ArchiveReader reader{bytes_of(tar)};
    const auto read_file = reader.next();
    ASSERT_TRUE(read_file);
    EXPECT_EQ(read_file->name, file.name);
    EXPECT_EQ(read_file->permissions, 04755u);
    EXPECT_EQ(read_file->uid, 4'000'000'000);
    EXPECT_EQ(read_file->modified.tv_sec, 1'700'000'000);
    EXPECT_EQ(read_file->xattrs, file.xattrs);
    const auto block = reader.block();
    ASSERT_TRUE(block);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(block->bytes.data()), block->bytes.size()), "hello");
    const auto read_folder = reader.next();
    ASSERT_TRUE(read_folder);
    EXPECT_EQ(read_folder->type, EntryType::directory);
    EXPECT_EQ(read_folder->permissions, 01777u);
    const auto read_link = reader.next();
    ASSERT_TRUE(read_link);
    EXPECT_EQ(read_link->link, link.link);
    EXPECT_FALSE(reader.next());
}

TEST(ChainId, FollowsTheSpecification) {
    const std::string a = "sha256:" + std::string(64, 'a'), b = "sha256:" + std::string(64, 'b');
    EXPECT_EQ(chain_id("", a), a);
    EXPECT_EQ(chain_id(a, b), sha256_digest(a + " " + b));
    EXPECT_EQ(sha256_digest(""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace stack::image
