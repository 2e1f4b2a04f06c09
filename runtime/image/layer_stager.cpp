#include "runtime/image/layer_stager.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/image/chain_id.hpp"
#include "runtime/image/reference.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

void check_layer(const SourceLayer& source, const LayerOutcome& outcome) {
    if (!source.wanted_digest.empty() && outcome.blob_digest != source.wanted_digest)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("layer {} does not match its digest (its bytes have {})",
                                source.wanted_digest, outcome.blob_digest)};
    if (!source.wanted_diff_id.empty() && outcome.diff_id != source.wanted_diff_id)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("a layer unpacks to {}, but the configuration says {}", outcome.diff_id,
                                source.wanted_diff_id)};
}

}  // namespace

std::vector<LayerOutcome> LayerStager::add_layers(const std::vector<SourceLayer>& sources) {
    for (const SourceLayer& source : sources) total_ += source.size;
    std::vector<LayerOutcome> outcomes;
    outcomes.reserve(sources.size());
    for (const SourceLayer& source : sources) {
        outcomes.push_back(add_layer(source));
        if (source.finished) source.finished();
    }
    return outcomes;
}

LayerOutcome LayerStager::add_layer(const SourceLayer& source) {
    const std::string parent = image_.layers.empty() ? std::string{} : image_.layers.back().record.chain_id;
    const std::optional<LayerRecord> present =
        source.wanted_diff_id.empty()
            ? std::nullopt
            : stored_layer(places_.store_layers, chain_id(parent, source.wanted_diff_id));
    if (present && source.blob == BlobPlace::stored) {
        image_.layers.push_back({*present, false});
        return {source.wanted_diff_id, source.wanted_digest, source.size, {}, {}};
    }
    for (;;) {
        try {
            return stage_layer(source, !present);
        } catch (const Error& error) {
            // Bytes that are not what they should be, as against a full disk.
            const bool bad_bytes = error.kind() == ErrorKind::invalid_input;
            if (!bad_bytes || !source.reject || !source.reject()) throw;
        }
    }
}

LayerOutcome LayerStager::stage_layer(const SourceLayer& source, bool unpack) {
    const std::string parent = image_.layers.empty() ? std::string{} : image_.layers.back().record.chain_id;
    const std::string blob_name = fmt::format("{}/new.{}", kStagedBlobs, image_.layers.size());
    const std::string folder_name = fmt::format("{}/new.{}", kStagedLayers, image_.layers.size());
    UniqueFd blob;
    if (source.blob == BlobPlace::converted || source.blob == BlobPlace::copied)
        blob =
            open_at(places_.staging, blob_name, O_RDWR | O_CREAT | O_EXCL, Resolve::beneath_no_links, 0600);
    const UniqueFd folder = unpack ? make_layer_folder(folder_name) : UniqueFd{};
    LayerOutcome outcome = read_layer(source, folder.get(), blob.get());
    check_layer(source, outcome);
    keep_blob(source, outcome, blob_name);
    StagedLayer layer;
    layer.record.chain_id = chain_id(parent, outcome.diff_id);
    if (const std::optional<LayerRecord> stored = stored_layer(places_.store_layers, layer.record.chain_id)) {
        layer.record = *stored;
    } else {
        layer.record.diff_id = outcome.diff_id;
        layer.record.size = outcome.unpacked.size;
        layer.staged = true;
        inherit_folder_attributes(folder.get(), outcome.unpacked.implicit_folders, lower_layers());
        std::vector<std::string>& opaque = outcome.unpacked.opaque_folders;
        if (std::erase(opaque, std::string{}) > 0)
            for (std::string& name : hide_lower_roots(folder.get(), lower_layers()))
                opaque.push_back(std::move(name));
        finish_layer(layer, folder_name, opaque);
    }
    image_.layers.push_back(std::move(layer));
    return outcome;
}

void LayerStager::keep_blob(const SourceLayer& source, const LayerOutcome& outcome, const std::string& name) {
    if (source.blob == BlobPlace::stored) return;
    if (source.blob == BlobPlace::download) {
        image_.downloads.push_back({outcome.blob_digest, outcome.blob_size});
        return;
    }
    rename_staged(name, fmt::format("{}/{}", kStagedBlobs, digest_hex(outcome.blob_digest)));
    image_.blobs.push_back(outcome.blob_digest);
}

LayerOutcome LayerStager::read_layer(const SourceLayer& source, int folder, int blob) {
    LayerJob job;
    job.source = source.bytes;
    job.folder = folder;
    job.blob = blob;
    job.keep_bytes = source.blob != BlobPlace::converted;
    job.limits = limits_;
    job.warn = events_.warning;
    const std::uint64_t before = done_;
    job.progress = source.progress ? source.progress : [this, before](std::uint64_t seen) {
        done_ = before + seen;
        events_.progress("unpack", done_, total_);
    };
    return import_layer(job);
}

UniqueFd LayerStager::make_layer_folder(const std::string& name) {
    remove_tree_at(places_.staging, name);  // of an attempt whose bytes were rejected
    if (::mkdirat(places_.staging, name.c_str(), 0755) != 0) throw_errno("create the layer's folder");
    return open_at(places_.staging, name, O_RDONLY | O_DIRECTORY, Resolve::beneath_no_links);
}

// Opaque marks need a capability that this process lacks: the list tells the outer half where they belong.
void LayerStager::finish_layer(const StagedLayer& layer, const std::string& folder_name,
                               const std::vector<std::string>& opaque) {
    const std::string path = fmt::format("{}/{}", kStagedLayers, layer_id_of(layer.record.chain_id));
    rename_staged(folder_name, path);
    if (opaque.empty()) return;
    const UniqueFd list = open_at(places_.staging, path + ".opaque", O_WRONLY | O_CREAT | O_EXCL,
                                  Resolve::beneath_no_links, 0600);
    std::string text;
    for (const std::string& folder : opaque) text += folder + '\0';
    write_all(list.get(), text, "the list of opaque folders");
}

std::optional<LayerRecord> stored_layer(int layers, const std::string& chain) {
    const std::string id = layer_id_of(chain);
    const UniqueFd folder = try_open_at(layers, id, O_PATH | O_DIRECTORY, Resolve::beneath_no_links);
    const UniqueFd file = try_open_at(layers, id + ".json", O_RDONLY, Resolve::beneath_no_links);
    if (!folder.valid() || !file.valid()) return std::nullopt;
    std::optional<LayerRecord> record =
        parse_layer_record(read_all(file.get(), "the layer's record", 1u << 20));
    if (!record || record->chain_id != chain) return std::nullopt;
    return record;
}

const std::vector<int>& LayerStager::lower_layers() {
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

Descriptor LayerStager::add_blob(const std::string& text, std::string_view media_type) {
    Descriptor descriptor{std::string{media_type}, sha256_digest(text), text.size(), {}, {}};
    const std::string path = fmt::format("{}/{}", kStagedBlobs, digest_hex(descriptor.digest));
    const UniqueFd file =
        open_at(places_.staging, path, O_WRONLY | O_CREAT | O_TRUNC, Resolve::beneath_no_links, 0600);
    write_all(file.get(), text, "a blob");
    image_.blobs.push_back(descriptor.digest);
    return descriptor;
}

StagedImage LayerStager::finish(const Descriptor& manifest) {
    image_.manifest = manifest;
    // Two layers may be the same bytes (empty ones often are).
    std::sort(image_.blobs.begin(), image_.blobs.end());
    image_.blobs.erase(std::unique(image_.blobs.begin(), image_.blobs.end()), image_.blobs.end());
    std::sort(image_.downloads.begin(), image_.downloads.end());
    image_.downloads.erase(std::unique(image_.downloads.begin(), image_.downloads.end()),
                           image_.downloads.end());
    return std::move(image_);
}

void LayerStager::rename_staged(const std::string& from, const std::string& to) const {
    if (::renameat(places_.staging, from.c_str(), places_.staging, to.c_str()) != 0)
        throw_errno("name a staged object");
}

}  // namespace stack::image
