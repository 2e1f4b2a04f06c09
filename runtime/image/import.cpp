#include "runtime/image/import.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/folder_archive.hpp"
#include "runtime/image/image_source.hpp"
#include "runtime/image/layout_image.hpp"
#include "runtime/image/source_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

constexpr std::string_view kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

class Import {
  public:
    Import(const ImportRequest& request, const ImportPlaces& places, const StagingEvents& events)
        : request_{request},
          places_{places},
          events_{events},
          stager_{places.store, request.limits, events} {}

    StagedImage run() {
        if (places_.source_folder >= 0) {
            if (kind_of_folder(places_.source_folder) == SourceKind::image_layout)
                import_layout(*members_of_folder(places_.source_folder));
            else
                import_root(archive_folder(places_.source_folder, events_.warning), 0);
        } else {
            import_file();
        }
        return stager_.finish(manifest_);
    }

  private:
    void import_file() {
        SourceFile source{places_.source_file, places_.source_name, places_.store.staging,
                          request_.limits.bytes, events_};
        if (source.kind() == SourceKind::root_file_system) return import_root(source.bytes(), source.size());
        import_layout(*source.members());
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
        manifest_ = stage_layout_image(members, choose_image(images, select), stager_, events_);
    }

    const ImportRequest& request_;
    const ImportPlaces& places_;
    const StagingEvents& events_;
    LayerStager stager_;
    Descriptor manifest_;
};

}  // namespace

bool ConfigFlags::any() const {
    return entrypoint || cmd || !env.empty() || !expose.empty() || !labels.empty() || !working_dir.empty() ||
           !user.empty() || !stop_signal.empty();
}

StagedImage import_image(const ImportRequest& request, const ImportPlaces& places,
                         const StagingEvents& events) {
    return Import{request, places, events}.run();
}

}  // namespace stack::image
