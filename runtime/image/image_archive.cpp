#include "runtime/image/image_archive.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/layer_unpacker.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/tar_writer.hpp"

#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

using nlohmann::json;

// containerd and Docker look for the whole name here, and for a tag alone in the specification's own annotation.
constexpr const char* kContainerdNameAnnotation = "io.containerd.image.name";

[[noreturn]] void throw_damaged(const std::string& what, const std::string& digest) {
    throw Error{ErrorKind::failed, fmt::format("{} {} of the store is damaged", what, digest)}.with_hint(
        "get the image again with `stack pull`, or load it again");
}

class ArchiveOfImages {
  public:
    ArchiveOfImages(const Members& blobs, const ByteSink& out) : blobs_{blobs}, writer_{out} {}

    void add_folder(const std::string& name) {
        ArchiveEntry entry;
        entry.name = name;
        entry.type = EntryType::directory;
        entry.permissions = 0755;
        writer_.header(entry);
    }

    void add_text(const std::string& name, const std::string& text) {
        begin_file(name, text.size());
        writer_.data(std::as_bytes(std::span{text}));
        writer_.end_of_entry();
    }

    /// Byte for byte.
    void add_blob(const std::string& name, const Descriptor& blob) {
        const Member member = blobs_.blob(blob.digest);
        if (member.size != blob.size) throw_damaged("blob", blob.digest);
        add_stream(name, blob.digest, "blob", blob.size, member.bytes());
    }

    /// What the blob unpacks to. Its size must be known first, and only reading it all tells.
    void add_plain_layer(const std::string& name, const Descriptor& blob, const std::string& diff_id) {
        const Member member = blobs_.blob(blob.digest);
        const ByteProducer plain = decompress(member.bytes(), UnpackLimits{}.bytes * 2);
        std::uint64_t size = 0;
        try {
            plain([&size](Bytes bytes) { size += bytes.size(); });
        } catch (const Error&) {
            throw_damaged("blob", blob.digest);
        }
        add_stream(name, diff_id, "layer", size, plain);
    }

    void finish() { writer_.end_of_archive(); }

  private:
    void begin_file(const std::string& name, std::uint64_t size) {
        ArchiveEntry entry;
        entry.name = name;
        entry.permissions = 0644;
        entry.size = size;
        writer_.header(entry);
    }

    void add_stream(const std::string& name, const std::string& digest, const std::string& what,
                    std::uint64_t size, const ByteProducer& bytes) {
        begin_file(name, size);
        Sha256 hash;
        std::uint64_t seen = 0;
        bytes([&](Bytes part) {
            seen += part.size();
            if (seen > size) throw_damaged(what, digest);
            hash.update(part);
            writer_.data(part);
        });
        if (seen != size || hash.finish() != digest) throw_damaged(what, digest);
        writer_.end_of_entry();
    }

    const Members& blobs_;
    TarWriter writer_;
};

void write_docker_archive(const std::vector<ArchivedImage>& images, ArchiveOfImages& archive) {
    json list = json::array();
    std::map<std::string, Descriptor> configs;                         // file name -> blob
    std::map<std::string, std::pair<Descriptor, std::string>> layers;  // file name -> blob, diff id
    for (const ArchivedImage& image : images) {
        json item = {{"Config", digest_hex(image.manifest.config.digest) + ".json"},
                     {"RepoTags", nullptr},
                     {"Layers", json::array()}};
        for (const std::string& name : image.names)
            item["RepoTags"].push_back(ImageReference::parse(name).familiar());
        configs.emplace(item["Config"], image.manifest.config);
        for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
            const std::string file = digest_hex(image.diff_ids[i]) + ".tar";
            item["Layers"].push_back(file);
            layers.try_emplace(file, image.manifest.layers[i], image.diff_ids[i]);
        }
        list.push_back(std::move(item));
    }
    archive.add_text("manifest.json", list.dump());
    for (const auto& [file, blob] : configs) archive.add_blob(file, blob);
    for (const auto& [file, layer] : layers) archive.add_plain_layer(file, layer.first, layer.second);
}

void write_oci_archive(const std::vector<ArchivedImage>& images, ArchiveOfImages& archive) {
    Index index;
    index.media_type = kOciIndexType;
    std::map<std::string, Descriptor> blobs;
    for (const ArchivedImage& image : images) {
        blobs.emplace(image.descriptor.digest, image.descriptor);
        blobs.emplace(image.manifest.config.digest, image.manifest.config);
        for (const Descriptor& layer : image.manifest.layers) blobs.emplace(layer.digest, layer);
        Descriptor entry = image.descriptor;
        if (image.names.empty()) index.manifests.push_back(entry);
        for (const std::string& name : image.names) {
            entry.annotations[std::string{kRefNameAnnotation}] = name;
            entry.annotations[kContainerdNameAnnotation] = name;
            index.manifests.push_back(entry);
        }
    }
    archive.add_text("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    archive.add_text("index.json", index_json(index));
    archive.add_folder("blobs/");
    archive.add_folder("blobs/sha256/");
    for (const auto& [digest, blob] : blobs) archive.add_blob("blobs/sha256/" + digest_hex(digest), blob);
}

}  // namespace

void write_image_archive(ArchiveFormat format, const std::vector<ArchivedImage>& images, const Members& blobs,
                         const ByteSink& out) {
    ArchiveOfImages archive{blobs, out};
    if (format == ArchiveFormat::docker) {
        write_docker_archive(images, archive);
    } else {
        write_oci_archive(images, archive);
    }
    archive.finish();
}

}  // namespace stack::image
