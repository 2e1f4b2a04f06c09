#include "runtime/image/import.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/folder_archive.hpp"
#include "runtime/image/image_source.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/layer_import.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/sha256.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

constexpr std::string_view kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t kMaxConfigBytes = 8u << 20;
constexpr int kMaxIndexDepth = 3;

// One layer of the source, before it is read.
struct SourceLayer {
    ByteProducer bytes;
    std::uint64_t size = 0;             ///< of the source, for progress
    bool keep_bytes = false;            ///< keep the blob as it is
    std::string wanted_digest;          ///< of the blob; empty: not said
    std::string wanted_diff_id;         ///< empty: not said
    std::shared_ptr<Member> keep_open;  ///< what `bytes` reads from
};

class Import {
  public:
    Import(const ImportRequest& request, const ImportPlaces& places, const ImportEvents& events)
        : request_{request}, places_{places}, events_{events} {
        image_.full_name = request.full_name;
    }

    StagedImage run() {
        if (places_.source_folder >= 0) {
            if (kind_of_folder(places_.source_folder) == SourceKind::image_layout)
                import_layout(*members_of_folder(places_.source_folder));
            else
                import_root(archive_folder(places_.source_folder, events_.warning), 0);
        } else {
            import_file(regular_file(places_.source_file));
        }
        return std::move(image_);
    }

  private:
    // --- which kind of source ---

    // A pipe is copied to the staging folder first: an archive of images is read more than once.
    int regular_file(int fd) {
        struct stat info {};
        if (::fstat(fd, &info) != 0) throw_errno("read the source");
        if (S_ISREG(info.st_mode)) return fd;
        return spool(produce_file(fd, 0, kToEnd));
    }

    int spool(const ByteProducer& bytes) {
        const std::string name = fmt::format("spool.{}", spools_.size());
        spools_.push_back(
            open_at(places_.staging, name, O_RDWR | O_CREAT | O_EXCL, Resolve::beneath_no_links, 0600));
        const int fd = spools_.back().get();
        std::uint64_t done = 0;
        bytes([&](Bytes part) {
            write_all(fd, {reinterpret_cast<const char*>(part.data()), part.size()}, "the staging folder");
            done += part.size();
            events_.progress("copy", done, 0);
        });
        ::unlinkat(places_.staging, name.c_str(), 0);  // its space comes back whatever happens
        return fd;
    }

    void import_file(int file) {
        struct stat info {};
        if (::fstat(file, &info) != 0) throw_errno("read the source");
        const auto size = static_cast<std::uint64_t>(info.st_size);
        const ByteProducer raw = produce_file(file, 0, size);
        const std::vector<std::byte> start = first_bytes(decompress(raw, request_.limits.bytes));
        SourceKind kind;
        try {
            kind = kind_of_archive(start);
        } catch (Error& error) {
            throw Error{ErrorKind::invalid_input, fmt::format("{} is neither a folder nor a tar archive",
                                                              shown_name(places_.source_name))}
                .with_hint(
                    "give a root file system (folder, tar, tar.gz, tar.zst), an OCI layout or a `docker "
                    "save` "
                    "archive");
        }
        if (kind == SourceKind::root_file_system) return import_root(raw, size);
        // Files inside a compressed archive can't be reached one by one.
        std::vector<std::byte> head = first_bytes(raw);
        const bool packed = sniff_compression(head) != Compression::none;
        import_layout(*members_of_archive(packed ? spool(decompress(raw, request_.limits.bytes)) : file));
    }

    static std::vector<std::byte> first_bytes(const ByteProducer& producer) {
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

    // --- a root file system ---

    void import_root(ByteProducer bytes, std::uint64_t size) {
        SourceLayer source;
        source.bytes = std::move(bytes);
        source.size = size;
        total_ = size;
        const LayerOutcome layer = import_layer_of(source);
        image_.layers.back().record.diff_id = layer.diff_id;
        const ImageConfig config = root_config(layer.diff_id);
        const std::string config_text = image_config_json(config, "stack image import");
        Manifest manifest;
        manifest.media_type = kOciManifestType;
        manifest.config = stage_blob(config_text, kOciConfigType);
        manifest.layers = {Descriptor{layer.media_type, layer.blob_digest, layer.blob_size, {}, {}}};
        image_.manifest = stage_blob(manifest_json(manifest), kOciManifestType);
        image_.manifest.platform = {config.architecture, config.os, config.variant};
    }

    [[nodiscard]] ImageConfig root_config(const std::string& diff_id) const {
        const ConfigFlags& flags = request_.flags;
        const Platform host = host_platform();
        ImageConfig config;
        config.architecture = host.architecture;
        config.os = host.os;
        config.variant = host.variant;
        config.entrypoint = flags.entrypoint.value_or(std::vector<std::string>{});
        config.cmd = flags.cmd.value_or(std::vector<std::string>{});
        config.env = flags.env;
        const bool has_path = std::any_of(config.env.begin(), config.env.end(), [](const std::string& entry) {
            return entry.starts_with("PATH=");
        });
        if (!has_path) config.env.insert(config.env.begin(), std::string{kDefaultPath});
        config.working_dir = flags.working_dir;
        config.user = flags.user;
        config.stop_signal = flags.stop_signal;
        config.exposed_ports = flags.expose;
        std::sort(config.exposed_ports.begin(), config.exposed_ports.end());
        config.labels = flags.labels;
        config.diff_ids = {diff_id};
        const bool unchanged = diff_id == request_.previous_diff_id && !request_.previous_created.empty();
        config.created = unchanged ? request_.previous_created : request_.created;
        return config;
    }

    // --- images that bring their own configuration ---

    void import_layout(const Members& members) {
        if (request_.flags.any())
            throw Error{ErrorKind::invalid_input, "the source is an image with its own configuration"}
                .with_hint(
                    "leave out --entrypoint, --cmd, --env and the like; they are for plain root file "
                    "systems");
        const std::vector<FoundImage> images = images_in(members);
        std::string select = request_.select;
        if (select.empty() && images.size() > 1) {
            // Several images and no --select: the one that has the wanted name already.
            try {
                static_cast<void>(choose_image(images, request_.full_name));
                select = request_.full_name;
            } catch (const Error&) {
            }
        }
        const FoundImage& image = choose_image(images, select);
        if (image.is_oci())
            import_oci(members, image.manifest);
        else
            import_docker_save(members, image);
    }

    void import_oci(const Members& members, const Descriptor& start) {
        Descriptor descriptor = start;
        std::string text;
        Manifest manifest;
        for (int depth = 0;; ++depth) {
            text = checked_text(members, descriptor, kMaxManifestBytes, "manifest");
            std::variant<Manifest, Index> document = parse_manifest_or_index(text);
            if (auto* found = std::get_if<Manifest>(&document)) {
                manifest = std::move(*found);
                break;
            }
            if (depth == kMaxIndexDepth)
                throw Error{ErrorKind::invalid_input, "image indexes are nested too deeply"};
            descriptor = choose_for_this_machine(std::get<Index>(document));
        }
        check_config_type(manifest.config.media_type);
        const std::string config_text =
            checked_text(members, manifest.config, kMaxConfigBytes, "configuration");
        const ImageConfig config = checked_config(config_text, manifest.layers.size());
        std::vector<SourceLayer> sources;
        for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
            const Descriptor& layer = manifest.layers[i];
            check_layer_type(layer.media_type);
            auto member = std::make_shared<Member>(members.blob(layer.digest));
            if (member->size != layer.size)
                throw Error{ErrorKind::invalid_input, fmt::format("layer {} has {} bytes instead of {}",
                                                                  layer.digest, member->size, layer.size)};
            sources.push_back(
                {member->bytes(), member->size, true, layer.digest, config.diff_ids[i], member});
        }
        import_layers(sources);
        static_cast<void>(stage_blob(config_text, manifest.config.media_type));
        image_.manifest =
            stage_blob(text, manifest.media_type.empty() ? kOciManifestType : manifest.media_type);
        image_.manifest.platform = {config.architecture, config.os, config.variant};
    }

    void import_docker_save(const Members& members, const FoundImage& found) {
        const std::string config_text =
            members.get(found.config).text("image configuration", kMaxConfigBytes);
        const ImageConfig config = checked_config(config_text, found.layers.size());
        std::vector<SourceLayer> sources;
        for (std::size_t i = 0; i < found.layers.size(); ++i) {
            auto member = std::make_shared<Member>(members.get(found.layers[i]));
            // Plain archives become zstd in the store; compressed ones stay what they are.
            const bool packed = is_compressed(*member);
            sources.push_back({member->bytes(), member->size, packed, {}, config.diff_ids[i], member});
        }
        Manifest manifest;
        manifest.media_type = kOciManifestType;
        for (const LayerOutcome& layer : import_layers(sources))
            manifest.layers.push_back(
                Descriptor{layer.media_type, layer.blob_digest, layer.blob_size, {}, {}});
        manifest.config = stage_blob(config_text, kOciConfigType);
        image_.manifest = stage_blob(manifest_json(manifest), kOciManifestType);
        image_.manifest.platform = {config.architecture, config.os, config.variant};
    }

    static bool is_compressed(const Member& member) {
        std::vector<std::byte> head = first_bytes(
            produce_file(member.fd.get(), member.offset, std::min<std::uint64_t>(member.size, kSniffBytes)));
        return sniff_compression(head) != Compression::none;
    }

    // The digest is over exact bytes, checked before they are parsed.
    static std::string checked_text(const Members& members, const Descriptor& descriptor, std::size_t limit,
                                    std::string_view what) {
        std::string text = members.blob(descriptor.digest).text(what, limit);
        if (text.size() != descriptor.size || sha256_digest(text) != descriptor.digest)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("the image's {} does not match its digest {}", what, descriptor.digest)};
        return text;
    }

    static Descriptor choose_for_this_machine(const Index& index) {
        const Platform host = host_platform();
        if (const Descriptor* chosen = choose_platform(index, host)) return *chosen;
        std::vector<std::string> offered;
        for (const Descriptor& entry : index.manifests)
            offered.push_back(fmt::format("{}/{}", entry.platform.os, entry.platform.architecture));
        throw Error{ErrorKind::not_found,
                    fmt::format("the image is not made for {}/{}", host.os, host.architecture)}
            .with_hint(fmt::format("it has: {}", join(offered, ", ")));
    }

    static void check_config_type(const std::string& type) {
        if (type == kOciConfigType || type == "application/vnd.docker.container.image.v1+json") return;
        throw Error{ErrorKind::not_supported,
                    fmt::format("this is no container image, but an artifact of type '{}'", type)};
    }

    static void check_layer_type(const std::string& type) {
        static const std::set<std::string, std::less<>> kKnown{
            std::string{kOciLayerTarType},
            std::string{kOciLayerGzipType},
            std::string{kOciLayerZstdType},
            "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.diff.tar.zstd",
        };
        if (!kKnown.contains(type))
            throw Error{ErrorKind::not_supported, fmt::format("layers of type '{}' are not supported", type)};
    }

    ImageConfig checked_config(const std::string& text, std::size_t layers) {
        ImageConfig config = parse_image_config(text);
        if (config.diff_ids.size() != layers)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("the image has {} layers, but its configuration names {}", layers,
                                    config.diff_ids.size())};
        if (layers == 0) throw Error{ErrorKind::invalid_input, "the image has no layers"};
        const Platform host = host_platform();
        if (!config.os.empty() && config.os != host.os)
            throw Error{ErrorKind::not_supported, fmt::format("the image is made for {}", config.os)};
        if (!config.architecture.empty() && config.architecture != host.architecture)
            events_.warning(fmt::format("the image is made for {}, this machine is {}", config.architecture,
                                        host.architecture));
        return config;
    }

    // --- layers and blobs ---

    std::vector<LayerOutcome> import_layers(const std::vector<SourceLayer>& sources) {
        for (const SourceLayer& source : sources) total_ += source.size;
        std::vector<LayerOutcome> outcomes;
        for (const SourceLayer& source : sources) outcomes.push_back(import_layer_of(source));
        return outcomes;
    }

    // Reads one layer on top of those before it, and appends it to the image.
    LayerOutcome import_layer_of(const SourceLayer& source) {
        const std::string parent =
            image_.layers.empty() ? std::string{} : image_.layers.back().record.chain_id;
        const bool present =
            !source.wanted_diff_id.empty() && store_has_layer(chain_id(parent, source.wanted_diff_id));
        const std::string number = fmt::format("{}", image_.layers.size());
        const std::string blob_name = fmt::format("{}/new.{}", kStagedBlobs, number);
        const std::string folder_name = fmt::format("{}/new.{}", kStagedLayers, number);
        UniqueFd blob =
            open_at(places_.staging, blob_name, O_RDWR | O_CREAT | O_EXCL, Resolve::beneath_no_links, 0600);
        UniqueFd folder;
        if (!present) folder = make_layer_folder(folder_name);

        LayerJob job;
        job.source = source.bytes;
        job.folder = folder.get();
        job.blob = blob.get();
        job.keep_bytes = source.keep_bytes;
        job.limits = request_.limits;
        job.warn = events_.warning;
        const std::uint64_t before = done_;
        job.progress = [this, before](std::uint64_t seen) {
            done_ = before + seen;
            events_.progress("unpack", done_, total_);
        };
        LayerOutcome outcome = import_layer(job);
        check_layer(source, outcome);

        rename_staged(blob_name, fmt::format("{}/{}", kStagedBlobs, digest_hex(outcome.blob_digest)));
        image_.blobs.push_back(outcome.blob_digest);
        StagedLayer layer;
        layer.record.chain_id = chain_id(parent, outcome.diff_id);
        layer.record.diff_id = outcome.diff_id;
        layer.record.size = outcome.unpacked.size;
        layer.record.disk_bytes = outcome.unpacked.disk_bytes;
        layer.staged = !present && !store_has_layer(layer.record.chain_id);
        if (layer.staged) {
            inherit_folder_attributes(folder.get(), outcome.unpacked.implicit_folders, lower_layers());
            finish_layer(layer, folder_name, outcome.unpacked);
        } else {
            layer.record = *stored_record(layer.record.chain_id);
        }
        image_.layers.push_back(std::move(layer));
        return outcome;
    }

    UniqueFd make_layer_folder(const std::string& name) {
        if (::mkdirat(places_.staging, name.c_str(), 0755) != 0) throw_errno("create the layer's folder");
        return open_at(places_.staging, name, O_RDONLY | O_DIRECTORY, Resolve::beneath_no_links);
    }

    static void check_layer(const SourceLayer& source, const LayerOutcome& outcome) {
        if (!source.wanted_digest.empty() && outcome.blob_digest != source.wanted_digest)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("layer {} does not match its digest (its bytes have {})",
                                    source.wanted_digest, outcome.blob_digest)};
        if (!source.wanted_diff_id.empty() && outcome.diff_id != source.wanted_diff_id)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("a layer unpacks to {}, but the configuration says {}", outcome.diff_id,
                                    source.wanted_diff_id)};
    }

    [[nodiscard]] std::optional<LayerRecord> stored_record(const std::string& chain) const {
        const std::string id = layer_id_of(chain);
        const UniqueFd folder =
            try_open_at(places_.store_layers, id, O_PATH | O_DIRECTORY, Resolve::beneath_no_links);
        const UniqueFd file =
            try_open_at(places_.store_layers, id + ".json", O_RDONLY, Resolve::beneath_no_links);
        if (!folder.valid() || !file.valid()) return std::nullopt;
        std::optional<LayerRecord> record =
            parse_layer_record(read_all(file.get(), "the layer's record", 1u << 20));
        if (!record || record->chain_id != chain) return std::nullopt;
        return record;
    }
    [[nodiscard]] bool store_has_layer(const std::string& chain) const {
        return stored_record(chain).has_value();
    }

    // Descriptors of the layers so far, topmost first; they stay open until the import ends.
    const std::vector<int>& lower_layers() {
        while (lower_.size() < image_.layers.size()) {
            const StagedLayer& layer = image_.layers[lower_.size()];
            const std::string id = layer_id_of(layer.record.chain_id);
            lower_.push_back(layer.staged ? open_at(places_.staging, fmt::format("{}/{}", kStagedLayers, id),
                                                    O_PATH | O_DIRECTORY, Resolve::beneath_no_links)
                                          : open_at(places_.store_layers, id, O_PATH | O_DIRECTORY,
                                                    Resolve::beneath_no_links));
            lower_numbers_.insert(lower_numbers_.begin(), lower_.back().get());
        }
        return lower_numbers_;
    }

    void finish_layer(const StagedLayer& layer, const std::string& folder_name,
                      const UnpackResult& unpacked) {
        const std::string path = fmt::format("{}/{}", kStagedLayers, layer_id_of(layer.record.chain_id));
        rename_staged(folder_name, path);
        if (unpacked.opaque_folders.empty()) return;
        const UniqueFd list = open_at(places_.staging, path + ".opaque", O_WRONLY | O_CREAT | O_EXCL,
                                      Resolve::beneath_no_links, 0600);
        std::string text = join(unpacked.opaque_folders, std::string_view{"\0", 1});
        write_all(list.get(), text, "the list of opaque folders");
    }

    Descriptor stage_blob(const std::string& text, std::string_view media_type) {
        Descriptor descriptor{std::string{media_type}, sha256_digest(text), text.size(), {}, {}};
        const std::string path = fmt::format("{}/{}", kStagedBlobs, digest_hex(descriptor.digest));
        const UniqueFd file =
            open_at(places_.staging, path, O_WRONLY | O_CREAT | O_TRUNC, Resolve::beneath_no_links, 0600);
        write_all(file.get(), text, "a blob");
        image_.blobs.push_back(descriptor.digest);
        return descriptor;
    }

    void rename_staged(const std::string& from, const std::string& to) const {
        if (::renameat(places_.staging, from.c_str(), places_.staging, to.c_str()) != 0)
            throw_errno("name a staged object");
    }

    const ImportRequest& request_;
    const ImportPlaces& places_;
    const ImportEvents& events_;
    StagedImage image_;
    std::vector<UniqueFd> spools_, lower_;
    std::vector<int> lower_numbers_;
    std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

bool ConfigFlags::any() const {
    return entrypoint || cmd || !env.empty() || !expose.empty() || !labels.empty() || !working_dir.empty() ||
           !user.empty() || !stop_signal.empty();
}

StagedImage import_image(const ImportRequest& request, const ImportPlaces& places,
                         const ImportEvents& events) {
    return Import{request, places, events}.run();
}

}  // namespace stack::image
