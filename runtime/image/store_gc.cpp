#include "runtime/image/store_gc.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/store_collect.hpp"

#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

// The plan while images are being chosen: how many still need each part.
class Choice {
  public:
    explicit Choice(const StoreUsage& usage) : usage_{usage} {
        for (const LayerUse& layer : usage.layers) layer_needers_.push_back(layer.images);
        for (const BlobUse& blob : usage.blobs) blob_needers_.push_back(blob.images);
        for (std::size_t i = 0; i < usage.layers.size(); ++i) drop_layer_if_unneeded(i);
        for (std::size_t i = 0; i < usage.blobs.size(); ++i) drop_blob_if_unneeded(i);
    }

    void drop_image(const ImageUse& image) {
        plan.images.push_back(image);
        for (const std::size_t i : image.layers) {
            --layer_needers_[i];
            drop_layer_if_unneeded(i);
        }
        for (const std::size_t i : image.blobs) {
            --blob_needers_[i];
            drop_blob_if_unneeded(i);
        }
    }

    void drop_loose(const std::vector<LooseUse>& parts, std::vector<std::string>& names) {
        for (const LooseUse& part : parts) {
            names.push_back(part.name);
            plan.bytes += part.bytes;
        }
    }

    GcPlan plan;

  private:
    void drop_layer_if_unneeded(std::size_t i) {
        if (layer_needers_[i] != 0) return;
        plan.layers.push_back(usage_.layers[i].id);
        plan.bytes += usage_.layers[i].bytes;
    }
    void drop_blob_if_unneeded(std::size_t i) {
        if (blob_needers_[i] != 0) return;
        plan.blobs.push_back(usage_.blobs[i].name);
        plan.bytes += usage_.blobs[i].bytes;
    }

    const StoreUsage& usage_;
    std::vector<std::size_t> layer_needers_, blob_needers_;
};

Index without_images(const Index& index, const GcPlan& plan) {
    std::set<std::string_view> doomed;
    for (const ImageUse& image : plan.images) doomed.insert(image.digest);
    Index kept = index;
    std::erase_if(kept.manifests, [&](const Descriptor& entry) { return doomed.contains(entry.digest); });
    return kept;
}

// What index.json gives back when it is written anew: it is a plain file of whole blocks.
std::uint64_t index_shrinks_by(const StorePaths& paths, const Index& kept) {
    struct statvfs info {};
    if (::statvfs(paths.index.c_str(), &info) != 0) return 0;
    const std::uint64_t before = DiskCounter{}.object(paths.index);
    const std::uint64_t after = (index_json(kept).size() + info.f_frsize - 1) / info.f_frsize * info.f_frsize;
    return before > after ? before - after : 0;
}

// The caller holds index_lock.
GcPlan make_plan(const StorePaths& paths, const GcOptions& options, const FindImagesInUse& in_use) {
    DiskCounter disk;
    const StoreUsage usage = measure_store(paths, in_use ? in_use() : ImagesInUse{}, disk);
    GcPlan plan = plan_gc(usage, options);
    if (!plan.images.empty())
        plan.bytes += index_shrinks_by(paths, without_images(read_store_index(paths), plan));
    return plan;
}

// gc_lock is held alone, so no pull is running; a download is locked all the same while somebody reads it.
void remove_download(const StorePaths& paths, const std::string& name, GcPlan& plan) {
    const std::string path = paths.downloads + '/' + name;
    if (const std::optional<FileLock> lock = FileLock::try_acquire(path)) {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT)
            throw_errno(fmt::format("remove the download '{}'", name));
        return;
    }
    plan.bytes -= std::min(plan.bytes, DiskCounter{}.object(path));
    std::erase(plan.downloads, name);
}

}  // namespace

GcPlan plan_gc(const StoreUsage& usage, const GcOptions& options) {
    Choice choice{usage};
    choice.drop_loose(usage.leftovers, choice.plan.leftovers);
    if (options.downloads) choice.drop_loose(usage.downloads, choice.plan.downloads);
    std::vector<const ImageUse*> unused;
    for (const ImageUse& image : usage.images) {
        if (!image.container.empty()) continue;
        const bool old_enough = !options.created_before || image.created < *options.created_before;
        if (!old_enough) continue;
        if (options.unused || image.references.empty()) {
            choice.drop_image(image);
        } else {
            unused.push_back(&image);
        }
    }
    if (options.keep_bytes) {
        std::stable_sort(unused.begin(), unused.end(),
                         [](const ImageUse* a, const ImageUse* b) { return a->last_used < b->last_used; });
        for (const ImageUse* image : unused) {
            if (usage.total_bytes - choice.plan.bytes <= *options.keep_bytes) break;
            choice.drop_image(*image);
        }
    }
    return std::move(choice.plan);
}

GcPlan preview_gc(const StorePaths& paths, const GcOptions& options, const FindImagesInUse& in_use) {
    if (!path_exists(paths.images)) return {};
    const FileLock index_lock = ImageStore{paths.root}.hold();
    return make_plan(paths, options, in_use);
}

GcPlan collect_garbage(const StorePaths& paths, const GcOptions& options, const FindImagesInUse& in_use) {
    if (!path_exists(paths.images)) return {};
    // Not waited for: an import may take an hour, and when it ends it collects what is then not needed.
    const std::optional<FileLock> gc_lock = FileLock::try_acquire(paths.gc_lock);
    const FileLock index_lock = FileLock::acquire(paths.index_lock);
    GcOptions allowed = options;
    if (!gc_lock) allowed = {};  // an image that has just got its name may be what the import speaks of next
    GcPlan plan = make_plan(paths, allowed, in_use);
    const Index index = read_store_index(paths);
    const Index kept = without_images(index, plan);
    if (kept != index) write_store_index(paths, kept);
    plan.postponed = !gc_lock;
    if (!gc_lock) return plan;
    for (const std::string& name : std::vector<std::string>{plan.downloads})
        remove_download(paths, name, plan);
    ImageRemoval removal;
    collect_unreachable(paths, kept, removal);
    return plan;
}

}  // namespace stack
