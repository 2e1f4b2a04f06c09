#include "runtime/image/save_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/image_archive.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/image/inner_half.hpp"
#include "runtime/image/output_file.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/worker_arguments.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

constexpr std::string_view kSaveUsage =
    "usage: stack-image save --root DIR [--format docker|oci] --output-fd N NAME...";

struct SaveCommand {
    std::string data_root, output_fd;
    ArchiveFormat format = ArchiveFormat::docker;
    std::vector<std::string> names;
};

ArchiveFormat archive_format(const std::string& word) {
    if (word == "docker") return ArchiveFormat::docker;
    if (word == "oci") return ArchiveFormat::oci;
    throw_bad_usage(fmt::format("unknown format '{}'", word), kSaveUsage);
}

SaveCommand parse_save(const std::vector<std::string>& words) {
    SaveCommand command;
    using Text = const std::string&;
    command.names =
        parse_worker_arguments(words,
                               {{"--root", [&](Text value) { command.data_root = value; }},
                                {"--format", [&](Text value) { command.format = archive_format(value); }},
                                {"--output-fd", [&](Text value) { command.output_fd = value; }}},
                               kSaveUsage);
    if (command.names.empty()) throw_bad_usage("save takes at least one name", kSaveUsage);
    if (command.data_root.empty()) throw_bad_usage("--root is missing", kSaveUsage);
    return command;
}

// The full name, if `word` is one and not an id or a digest.
std::optional<std::string> name_meant(const std::string& word, const Image& image) {
    try {
        const ImageReference reference = ImageReference::parse(word);
        if (reference.digest.empty() && reference.familiar() == image.reference) return reference.full();
    } catch (const Error&) {  // `find` knows it all the same: an id
    }
    return std::nullopt;
}

ArchivedImage archived(const StorePaths& paths, const Image& image) {
    const std::string text = read_file(paths.blob(image.digest), kMaxManifestBytes);
    ArchivedImage result;
    result.manifest = std::get<Manifest>(parse_manifest_or_index(text));
    result.diff_ids = image.config.diff_ids;
    if (result.diff_ids.size() != result.manifest.layers.size())
        throw Error{ErrorKind::failed,
                    fmt::format("image {} is damaged: it has {} layers and {} diff ids", image.digest,
                                result.manifest.layers.size(), result.diff_ids.size())};
    result.descriptor.media_type =
        result.manifest.media_type.empty() ? std::string{kOciManifestType} : result.manifest.media_type;
    result.descriptor.digest = image.digest;
    result.descriptor.size = text.size();
    result.descriptor.platform = {image.config.architecture, image.config.os, image.config.variant};
    return result;
}

// In the order of the command line, each image and each name once.
std::vector<ArchivedImage> images_to_save(const SaveCommand& command) {
    const ImageStore store{command.data_root};
    std::vector<ArchivedImage> result;
    for (const std::string& word : command.names) {
        const Image image = store.get(word);
        auto place = std::find_if(result.begin(), result.end(), [&](const ArchivedImage& other) {
            return other.descriptor.digest == image.digest;
        });
        if (place == result.end()) place = result.insert(result.end(), archived(store.paths(), image));
        const std::optional<std::string> name = name_meant(word, image);
        if (name && std::find(place->names.begin(), place->names.end(), *name) == place->names.end())
            place->names.push_back(*name);
    }
    return result;
}

}  // namespace

void save_verb(const std::vector<std::string>& words, EventWriter& events) {
    const SaveCommand command = parse_save(words);
    const StorePaths paths{command.data_root};
    OutputFile output{command.output_fd};
    if (!path_exists(paths.images))
        static_cast<void>(ImageStore{command.data_root}.get(command.names.front()));
    const FileLock lock = FileLock::acquire(paths.gc_lock, true);  // nothing of the images goes meanwhile
    const std::vector<ArchivedImage> images = images_to_save(command);
    InnerHalf half;
    half.plan.folders = {{paths.images, kInnerSource, false}};
    half.plan.keep_fds = {output.fd(), lock.fd()};
    half.body = [&](EventWriter& inside) {
        const UniqueFd layout = open_directory(kInnerSource);
        write_image_archive(command.format, images, *members_of_folder(layout.get()), output.sink());
        output.flush();
        inside.write({{"event", "staged"}, {"bytes", output.written()}});
    };
    half.staged = [&](const nlohmann::json& event) {
        events.write({{"event", "result"}, {"images", images.size()}, {"bytes", event.value("bytes", 0LL)}});
    };
    run_inner_half(half, events);
}

}  // namespace stack::image
