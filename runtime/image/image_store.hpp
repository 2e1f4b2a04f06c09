// The image store: an OCI image layout beside unpacked layers, one store per data root.
//
//   <root>/images/oci-layout, index.json, blobs/sha256/<hex>
//                                a valid OCI image layout, readable by skopeo and others
//   <root>/images/downloads/<hex> a blob on its way here, perhaps left by an interruption to be resumed
//   <root>/layers/<layer id>/    one unpacked layer, a lower directory for overlayfs
//   <root>/layers/<layer id>.json its record: chain id, diff id, bytes on disk
//   <root>/staging/<random>/     work of one running import, or something being removed
//
// A layer id is the first 24 hex digits of the layer's chain id, so that 127 of them fit one mount option;
// the record keeps the whole chain id and a different one is refused. index.json names what is unpacked in
// annotations of each manifest: `stack.layers` (ids, bottom first), `stack.size` (bytes), `stack.added` (RFC
// 3339); for images of registries `stack.source` (what the registry had for the name) and `stack.pulled`. When a manifest's image was last used by a new container is its blob's time of modification.
//
// Locks (flock, in this order): `images/gc.lock` shared by imports, exclusive while blobs and layers are
// removed; `images/index.lock` shared by who turns a name into a container, exclusive by who changes
// index.json. The entries of index.json keep things alive, nothing else does. An image whose name was taken
// over by a newer one stays as a nameless entry, because a container may still stand on it; who holds gc.lock
// alone may empty staging/.
//
// This part reads the store and changes names; archives, registries and hashing belong to the program
// stack-image.
#pragma once

#include "runtime/base/file_lock.hpp"
#include "runtime/image/image_config.hpp"
#include "runtime/image/manifest.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// Paths of a store below its data root.
struct StorePaths {
    explicit StorePaths(std::string data_root);
    std::string root, images, blobs, downloads, index, layers, staging, index_lock, gc_lock;
    [[nodiscard]] std::string blob(std::string_view digest) const;
    [[nodiscard]] std::string download(std::string_view digest) const;
    [[nodiscard]] std::string layer(std::string_view layer_id) const;
    [[nodiscard]] std::string layer_record(std::string_view layer_id) const;
};

struct Image {
    std::string reference;  ///< familiar (`redis:7`); empty when it has no name
    std::string digest;     ///< of the manifest, sha256:…
    std::string id;         ///< digest of the configuration, sha256:…
    ImageConfig config;
    std::vector<std::string> layer_ids;    ///< topmost first
    std::vector<std::string> layer_paths;  ///< host paths, topmost first: RootSpec::lower
    std::uint64_t size = 0;                ///< bytes of the unpacked layers
    std::chrono::system_clock::time_point created;
    Platform platform;   ///< as the configuration says
    std::string source;  ///< digest that the registry had for the name; empty: not from a registry
    std::optional<std::chrono::system_clock::time_point> pulled;  ///< when it last had that
    bool operator==(const Image&) const = default;
};

struct ImageSummary {
    std::string reference;        ///< familiar; empty when it has no name
    std::string repository, tag;  ///< familiar repository; "<none>" when it has no name
    std::string digest, id;
    std::chrono::system_clock::time_point created;
    std::uint64_t size = 0;
    bool operator==(const ImageSummary&) const = default;
};

/// One entry of index.json, without looking at its layers. Never throws for a damaged image: it must be listed to be
/// removed.
ImageSummary summarise_entry(const StorePaths& paths, const Descriptor& entry);

/// Who uses an image: manifest digest -> the container's name to be shown.
using ImagesInUse = std::map<std::string, std::string>;
/// Asked while the store is locked, so that no container record can appear between the answer and the removal.
using FindImagesInUse = std::function<ImagesInUse()>;

struct ImageRemoval {
    std::vector<std::string> untagged;  ///< familiar references
    std::vector<std::string> deleted;   ///< manifest digests, layer ids and blob digests that are gone
    std::uint64_t freed_bytes = 0;
};

class ImageStore {
  public:
    /// No file is touched until a member is called; a missing store is an empty one.
    explicit ImageStore(std::string data_root);

    /// By reference, manifest digest, or at least 4 hex digits of an image id. nullopt when there is none.
    /// Throws Error(invalid_input) for a malformed reference or an ambiguous id, Error(failed) for a damaged
    /// image.
    [[nodiscard]] std::optional<Image> find(std::string_view name) const;
    /// The same; throws Error(not_found) with the way to get the image as its hint.
    [[nodiscard]] Image get(std::string_view name) const;
    /// Sorted by reference, nameless ones last.
    [[nodiscard]] std::vector<ImageSummary> list() const;

    /// Keep this while a name is being turned into a container record: no image is removed meanwhile.
    [[nodiscard]] FileLock hold() const;

    /// Takes the name away; with its last name goes the image. An id removes all its names (with `force` when
    /// it has several). Throws Error(not_found), Error(conflict) naming the container that uses it.
    ImageRemoval remove(std::string_view name, const FindImagesInUse& in_use, bool force = false) const;
    /// Gives the image one more name; the name is taken from another image that had it.
    void tag(std::string_view name, std::string_view new_reference) const;

    /// Notes that a container is being made from the image with this manifest: store_gc.hpp lets go of those first
    /// that were not used for longest.
    void mark_used(std::string_view digest) const;

    /// Removes what no entry of index.json needs: blobs, layers, leftovers of imports that died. Leaves all
    /// as it is (and answers empty) while an import runs; the import does it when it ends. Idempotent.
    ImageRemoval collect() const;

    [[nodiscard]] const StorePaths& paths() const { return paths_; }

  private:
    StorePaths paths_;
};

}  // namespace stack
