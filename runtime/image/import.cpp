#include "runtime/image/import.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/folder_archive.hpp"
#include "runtime/image/image_source.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/layer_stager.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/sha256.hpp"

#include <errno.h>
#include <fcntl.h>
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

class Import {
  public:
    Import(const ImportRequest& request, const ImportPlaces& places, const ImportEvents& events)
        : request_{request}, places_{places}, events_{events}, stager_{request, places, events} {}

    StagedImage run() {
        if (places_.source_folder >= 0) {
            if (kind_of_folder(places_.source_folder) == SourceKind::image_layout)
                import_layout(*members_of_folder(places_.source_folder));
            else
                import_root(archive_folder(places_.source_folder, events_.warning), 0);
        } else {
            import_file(regular_file(places_.source_file));
        }
        return stager_.finish(manifest_);
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
        const LayerOutcome layer = stager_.add_layers({source}).front();
        const ImageConfig config = root_config(layer.diff_id);
        const std::string config_text = image_config_json(config, "stack image import");
        Manifest manifest;
        manifest.media_type = kOciManifestType;
        manifest.config = stager_.add_blob(config_text, kOciConfigType);
        manifest.layers = {Descriptor{layer.media_type, layer.blob_digest, layer.blob_size, {}, {}}};
        manifest_ = stager_.add_blob(manifest_json(manifest), kOciManifestType);
        manifest_.platform = {config.architecture, config.os, config.variant};
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
        stager_.add_layers(sources);
        static_cast<void>(stager_.add_blob(config_text, manifest.config.media_type));
        manifest_ =
            stager_.add_blob(text, manifest.media_type.empty() ? kOciManifestType : manifest.media_type);
        manifest_.platform = {config.architecture, config.os, config.variant};
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
        for (const LayerOutcome& layer : stager_.add_layers(sources))
            manifest.layers.push_back(
                Descriptor{layer.media_type, layer.blob_digest, layer.blob_size, {}, {}});
        manifest.config = stager_.add_blob(config_text, kOciConfigType);
        manifest_ = stager_.add_blob(manifest_json(manifest), kOciManifestType);
        manifest_.platform = {config.architecture, config.os, config.variant};
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

    const ImportRequest& request_;
    const ImportPlaces& places_;
    const ImportEvents& events_;
    LayerStager stager_;
    Descriptor manifest_;
    std::vector<UniqueFd> spools_;
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
