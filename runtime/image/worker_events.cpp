#include "runtime/image/worker_events.hpp"

#include "runtime/base/fd.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"

#include <utility>

#include <nlohmann/json.hpp>

namespace stack::image {

using nlohmann::json;

void EventWriter::write(const json& event) {
    // Names in archives need not be UTF-8; an event always is.
    const std::string line = event.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
    const std::lock_guard lock{mutex_};
    write_all(fd_, line, "the event stream");
}

void EventWriter::progress(const std::string& phase, std::uint64_t done, std::uint64_t total) {
    constexpr std::chrono::milliseconds kInterval{100};
    const auto now = std::chrono::steady_clock::now();
    {
        const std::lock_guard lock{mutex_};
        if (now - last_progress_ < kInterval) return;
        last_progress_ = now;
    }
    write({{"event", "progress"}, {"phase", phase}, {"done", done}, {"total", total}});
}

void EventWriter::warning(const std::string& sentence) {
    write({{"event", "warning"}, {"message", sentence}});
}

void EventWriter::error(const Error& error) {
    write(error_event(error));
}

void EventWriter::retry(const std::string& why, std::chrono::milliseconds in) {
    write({{"event", "retry"}, {"message", why}, {"in", std::chrono::duration<double>(in).count()}});
}

StagingEvents events_of(EventWriter& writer) {
    return {[&writer](const std::string& phase, std::uint64_t done, std::uint64_t total) {
                writer.progress(phase, done, total);
            },
            [&writer](const std::string& sentence) { writer.warning(sentence); }};
}

json staged_event(const StagedImage& image) {
    json layers = json::array();
    for (const StagedLayer& layer : image.layers) {
        layers.push_back({{"chain_id", layer.record.chain_id},
                          {"diff_id", layer.record.diff_id},
                          {"size", layer.record.size},
                          {"staged", layer.staged}});
    }
    json downloads = json::array();
    for (const DownloadedBlob& blob : image.downloads)
        downloads.push_back({{"digest", blob.digest}, {"size", blob.size}});
    const Descriptor& manifest = image.manifest;
    return {{"event", "staged"},
            {"manifest",
             {{"mediaType", manifest.media_type},
              {"digest", manifest.digest},
              {"size", manifest.size},
              {"architecture", manifest.platform.architecture},
              {"os", manifest.platform.os},
              {"variant", manifest.platform.variant}}},
            {"blobs", image.blobs},
            {"downloads", std::move(downloads)},
            {"layers", std::move(layers)},
            {"source", image.source},
            {"downloaded", image.downloaded}};
}

namespace {

std::uint64_t count_of(const json& object, std::string_view key) {
    const std::int64_t value = json_fields::integer(object, key);
    if (value < 0) throw Error{ErrorKind::internal, "the image worker answered with a negative size"};
    return static_cast<std::uint64_t>(value);
}

std::string digest_of(const json& object, std::string_view key) {
    std::string digest = json_fields::string(object, key);
    static_cast<void>(digest_hex(digest));
    return digest;
}

Descriptor manifest_of(const json& object) {
    Descriptor manifest;
    manifest.media_type = json_fields::string(object, "mediaType");
    manifest.digest = digest_of(object, "digest");
    manifest.size = count_of(object, "size");
    manifest.platform = {json_fields::string(object, "architecture"), json_fields::string(object, "os"),
                         json_fields::string(object, "variant")};
    return manifest;
}

StagedLayer layer_of(const json& item) {
    if (!item.is_object()) throw Error{ErrorKind::internal, "the image worker answered with a broken layer"};
    StagedLayer layer;
    layer.record.chain_id = digest_of(item, "chain_id");
    layer.record.diff_id = digest_of(item, "diff_id");
    layer.record.size = count_of(item, "size");
    const json* staged = json_fields::find(item, "staged");
    layer.staged = staged != nullptr && staged->is_boolean() && staged->get<bool>();
    return layer;
}

DownloadedBlob download_of(const json& item) {
    if (!item.is_object())
        throw Error{ErrorKind::internal, "the image worker answered with a broken download"};
    return {digest_of(item, "digest"), count_of(item, "size")};
}

}  // namespace

StagedImage staged_image_of(const json& event, const std::string& full_name) {
    StagedImage image;
    image.full_name = full_name;
    const json* manifest = json_fields::object(event, "manifest");
    const json* layers = json_fields::array(event, "layers", kMaxLayers);
    const json* downloads = json_fields::array(event, "downloads", kMaxLayers);
    if (manifest == nullptr || layers == nullptr || downloads == nullptr)
        throw Error{ErrorKind::internal, "the image worker answered without an image"};
    image.manifest = manifest_of(*manifest);
    image.blobs = json_fields::strings(event, "blobs");
    for (const std::string& digest : image.blobs) static_cast<void>(digest_hex(digest));
    for (const json& item : *downloads) image.downloads.push_back(download_of(item));
    for (const json& item : *layers) image.layers.push_back(layer_of(item));
    image.source = json_fields::string(event, "source");
    if (!image.source.empty()) static_cast<void>(digest_hex(image.source));
    image.downloaded = count_of(event, "downloaded");
    return image;
}

}  // namespace stack::image
