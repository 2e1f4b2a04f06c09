#include "runtime/image/store_usage.hpp"

#include "runtime/base/path_at.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/layer_record.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/store_collect.hpp"
#include "runtime/image/time_text.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace stack {

namespace {

using Clock = std::chrono::system_clock;

Clock::time_point time_of_modification(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return {};
    return Clock::time_point{
        std::chrono::seconds{info.st_mtim.tv_sec} +
        std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds{info.st_mtim.tv_nsec})};
}

Clock::time_point time_added(const Descriptor& entry) {
    const auto found = entry.annotations.find(std::string{kAddedAnnotation});
    return found == entry.annotations.end() ? Clock::time_point{}
                                            : parse_time_text(found->second).value_or(Clock::time_point{});
}

class Measurement {
  public:
    Measurement(const StorePaths& paths, DiskCounter& disk) : paths_{paths}, disk_{disk} {}

    StoreUsage run(const ImagesInUse& in_use) {
        measure_images_folder();
        measure_layers();
        measure_loose(paths_.staging, usage_.leftovers);
        usage_.frame_bytes += disk_.object(paths_.staging);
        find_images(in_use);
        add_up();
        return std::move(usage_);
    }

  private:
    void measure_images_folder() {
        const std::string blobs_parent = paths_.images + "/blobs";
        usage_.frame_bytes += disk_.object(paths_.images);
        for (const std::string& name : list_directory(paths_.images)) {
            const std::string path = paths_.images + '/' + name;
            if (path != blobs_parent && path != paths_.downloads) usage_.frame_bytes += disk_.tree(path);
        }
        measure_loose(paths_.downloads, usage_.downloads);
        usage_.frame_bytes += disk_.object(paths_.downloads);
        for (const std::string& name : list_directory(blobs_parent))
            if (blobs_parent + '/' + name != paths_.blobs)
                usage_.frame_bytes += disk_.tree(blobs_parent + '/' + name);
        usage_.frame_bytes += disk_.object(blobs_parent) + disk_.object(paths_.blobs);
        for (const std::string& name : list_directory(paths_.blobs)) {
            blob_places_[name] = usage_.blobs.size();
            usage_.blobs.push_back({name, disk_.tree(paths_.blobs + '/' + name), 0});
        }
    }

    void measure_layers() {
        usage_.frame_bytes += disk_.object(paths_.layers);
        for (const std::string& name : list_directory(paths_.layers)) {
            const std::string id = name.ends_with(".json") ? name.substr(0, name.size() - 5) : name;
            if (!is_layer_id(id)) {
                usage_.frame_bytes += disk_.tree(paths_.layers + '/' + name);
            } else if (layer_places_.emplace(id, usage_.layers.size()).second) {
                usage_.layers.push_back({id, layer_disk_bytes(paths_, id, disk_), 0});
            }
        }
    }

    void measure_loose(const std::string& folder, std::vector<LooseUse>& result) {
        for (const std::string& name : list_directory(folder))
            result.push_back({name, disk_.tree(folder + '/' + name)});
    }

    void find_images(const ImagesInUse& in_use) {
        std::map<std::string, ImageUse> by_digest;
        for (const Descriptor& entry : read_store_index(paths_).manifests) {
            ImageUse& image = by_digest[entry.digest];
            const ImageSummary summary = summarise_entry(paths_, entry);
            image.digest = entry.digest;
            image.id = summary.id;
            image.created = summary.created;
            if (!summary.reference.empty()) image.references.push_back(summary.reference);
            image.last_used = std::max(
                {image.last_used, time_added(entry), time_of_modification(paths_.blob(entry.digest))});
            Reachable needed;
            reach(paths_, entry, needed);
            note_needs(needed, image);
        }
        for (auto& [digest, image] : by_digest) {
            if (const auto user = in_use.find(digest); user != in_use.end()) image.container = user->second;
            std::sort(image.references.begin(), image.references.end());
            usage_.images.push_back(std::move(image));
        }
        std::sort(usage_.images.begin(), usage_.images.end(), [](const ImageUse& a, const ImageUse& b) {
            return std::tuple{a.references.empty(), a.references, a.digest} <
                   std::tuple{b.references.empty(), b.references, b.digest};
        });
    }

    // Entries of one image may name different layers only if another program wrote them; then it needs all of them.
    void note_needs(const Reachable& needed, ImageUse& image) const {
        const auto note = [](const auto& names, const auto& places, std::vector<std::size_t>& result) {
            for (const std::string& name : names)
                if (const auto place = places.find(name); place != places.end())
                    result.push_back(place->second);
            std::sort(result.begin(), result.end());
            result.erase(std::unique(result.begin(), result.end()), result.end());
        };
        note(needed.layers, layer_places_, image.layers);
        note(needed.blobs, blob_places_, image.blobs);
    }

    void add_up() {
        for (const ImageUse& image : usage_.images) {
            for (const std::size_t place : image.layers) ++usage_.layers[place].images;
            for (const std::size_t place : image.blobs) ++usage_.blobs[place].images;
        }
        for (ImageUse& image : usage_.images) {
            const auto add = [&image](const auto& part) {
                (part.images > 1 ? image.shared_bytes : image.unique_bytes) += part.bytes;
            };
            for (const std::size_t place : image.layers) add(usage_.layers[place]);
            for (const std::size_t place : image.blobs) add(usage_.blobs[place]);
        }
        usage_.total_bytes = usage_.frame_bytes;
        for (const LayerUse& layer : usage_.layers) usage_.total_bytes += layer.bytes;
        for (const BlobUse& blob : usage_.blobs) usage_.total_bytes += blob.bytes;
        for (const LooseUse& download : usage_.downloads) usage_.total_bytes += download.bytes;
        for (const LooseUse& leftover : usage_.leftovers) usage_.total_bytes += leftover.bytes;
    }

    const StorePaths& paths_;
    DiskCounter& disk_;
    StoreUsage usage_;
    std::map<std::string, std::size_t> blob_places_, layer_places_;
};

}  // namespace

StoreUsage measure_store(const StorePaths& paths, const ImagesInUse& in_use, DiskCounter& disk) {
    return Measurement{paths, disk}.run(in_use);
}

}  // namespace stack
