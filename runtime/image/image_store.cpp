#include "runtime/image/image_store.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/store_collect.hpp"
#include "runtime/image/time_text.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr std::size_t kMinIdDigits = 4;

std::string familiar_name(const std::string& full_name) {
    if (full_name.empty()) return {};
    try {
        return ImageReference::parse(full_name).familiar();
    } catch (const Error&) {
        return full_name;  // another program's annotation, such as a bare tag
    }
}

// The image's configuration digest: the image id. Empty when the entry is no readable image.
std::string image_id_of(const StorePaths& paths, const Descriptor& entry) {
    const std::optional<std::string> text = read_file_if_exists(paths.blob(entry.digest), kMaxManifestBytes);
    if (!text) return {};
    try {
        const std::variant<Manifest, Index> document = parse_manifest_or_index(*text);
        if (const auto* manifest = std::get_if<Manifest>(&document)) return manifest->config.digest;
    } catch (const Error&) {  // shown without an id
    }
    return {};
}

bool looks_like_id(std::string_view text) {
    return text.size() >= kMinIdDigits && text.size() <= 64 &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::vector<const Descriptor*> entries_with_digest(const Index& index, std::string_view digest) {
    std::vector<const Descriptor*> found;
    for (const Descriptor& entry : index.manifests)
        if (entry.digest == digest) found.push_back(&entry);
    return found;
}

// The digest in a reference may be that of the index from which the image was chosen.
std::vector<const Descriptor*> entries_from_digest(const Index& index, std::string_view digest) {
    std::vector<const Descriptor*> found = entries_with_digest(index, digest);
    if (!found.empty()) return found;
    for (const Descriptor& entry : index.manifests)
        if (annotation_of(entry, kSourceAnnotation) == digest) found.push_back(&entry);
    return found;
}

std::vector<const Descriptor*> entries_with_id(const StorePaths& paths, const Index& index,
                                               std::string_view prefix) {
    std::vector<const Descriptor*> found;
    std::set<std::string> ids;
    for (const Descriptor& entry : index.manifests) {
        const std::string id = image_id_of(paths, entry);
        if (!id.starts_with(prefix)) continue;
        found.push_back(&entry);
        ids.insert(id);
    }
    if (ids.size() > 1)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("several images have an id that begins with '{}'", prefix)};
    return found;
}

struct Matches {
    std::vector<const Descriptor*> entries;
    bool by_name = false;  ///< exactly one name was meant, not an image with all its names
};

// A name wins over an id that looks the same, as everywhere in this world.
Matches match(const StorePaths& paths, const Index& index, std::string_view text) {
    Matches result;
    if (is_sha256_digest(text)) {
        result.entries = entries_from_digest(index, text);
        if (result.entries.empty()) result.entries = entries_with_id(paths, index, text);
        return result;
    }
    std::optional<Error> malformed;
    try {
        const ImageReference reference = ImageReference::parse(text);
        if (!reference.digest.empty()) {
            result.entries = entries_from_digest(index, reference.digest);
            return result;
        }
        const std::string full = reference.full();
        for (const Descriptor& entry : index.manifests)
            if (name_of(entry) == full) result.entries.push_back(&entry);
        result.by_name = !result.entries.empty();
    } catch (const Error& error) {
        malformed = error;
    }
    if (result.entries.empty() && looks_like_id(text))
        result.entries = entries_with_id(paths, index, "sha256:" + std::string{text});
    if (result.entries.empty() && malformed && !looks_like_id(text)) throw *malformed;
    return result;
}

Error damaged(const std::string& name, std::string_view why) {
    return Error{ErrorKind::failed, fmt::format("image '{}' is damaged: {}", name, why)}.with_hint(
        "remove it with `stack image rm` and import it again");
}

std::uint64_t number_of(const Descriptor& entry, std::string_view key) {
    const auto found = entry.annotations.find(std::string{key});
    const auto value = found == entry.annotations.end() ? std::nullopt : parse_int(found->second);
    return value && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
}

Image load_image(const StorePaths& paths, const Descriptor& entry) {
    Image image;
    image.reference = familiar_name(name_of(entry));
    image.digest = entry.digest;
    const std::string shown = image.reference.empty() ? entry.digest : image.reference;
    const std::optional<std::string> manifest_text =
        read_file_if_exists(paths.blob(entry.digest), kMaxManifestBytes);
    if (!manifest_text) throw damaged(shown, "its manifest is missing");
    const std::variant<Manifest, Index> document = parse_manifest_or_index(*manifest_text);
    const auto* manifest = std::get_if<Manifest>(&document);
    if (manifest == nullptr)
        throw Error{ErrorKind::not_supported, fmt::format("'{}' is a list of images, not one image", shown)};
    image.id = manifest->config.digest;
    const std::optional<std::string> config_text = read_file_if_exists(paths.blob(image.id));
    if (!config_text) throw damaged(shown, "its configuration is missing");
    image.config = parse_image_config(*config_text);
    image.layer_ids = layer_ids_of(entry);
    if (image.layer_ids.size() != manifest->layers.size())
        throw damaged(shown, "its layers are not unpacked (was it put here by another program?)");
    std::reverse(image.layer_ids.begin(), image.layer_ids.end());
    for (const std::string& id : image.layer_ids) {
        image.layer_paths.push_back(paths.layer(id));
        if (!path_exists(image.layer_paths.back()))
            throw damaged(shown, fmt::format("layer {} is missing", id));
    }
    image.size = number_of(entry, kSizeAnnotation);
    image.platform = {image.config.architecture, image.config.os, image.config.variant};
    image.source = annotation_of(entry, kSourceAnnotation);
    image.pulled = parse_time_text(annotation_of(entry, kPulledAnnotation));
    image.created = parse_time_text(image.config.created).value_or(std::chrono::system_clock::time_point{});
    return image;
}

}  // namespace

StorePaths::StorePaths(std::string data_root)
    : root{std::move(data_root)},
      images{root + "/images"},
      blobs{images + "/blobs/sha256"},
      downloads{images + "/downloads"},
      index{images + "/index.json"},
      layers{root + "/layers"},
      staging{root + "/staging"},
      index_lock{images + "/index.lock"},
      gc_lock{images + "/gc.lock"} {}

std::string StorePaths::blob(std::string_view digest) const {
    return blobs + '/' + digest_hex(digest);
}
std::string StorePaths::download(std::string_view digest) const {
    return downloads + '/' + digest_hex(digest);
}
std::string StorePaths::layer(std::string_view layer_id) const {
    return fmt::format("{}/{}", layers, layer_id);
}
std::string StorePaths::layer_record(std::string_view layer_id) const {
    return fmt::format("{}/{}.json", layers, layer_id);
}

ImageStore::ImageStore(std::string data_root) : paths_{std::move(data_root)} {}

std::optional<Image> ImageStore::find(std::string_view name) const {
    const Index index = read_store_index(paths_);
    const Matches matches = match(paths_, index, name);
    if (matches.entries.empty()) return std::nullopt;
    return load_image(paths_, *matches.entries.front());
}

Image ImageStore::get(std::string_view name) const {
    if (std::optional<Image> image = find(name)) return std::move(*image);
    throw Error{ErrorKind::not_found, fmt::format("image '{}' is not in the store", name)}.with_hint(
        fmt::format("pull it: stack image pull {0}; or import it: stack image import {0} <archive or folder>",
                    name));
}

ImageSummary summarise_entry(const StorePaths& paths, const Descriptor& entry) {
    ImageSummary summary;
    summary.digest = entry.digest;
    summary.reference = familiar_name(name_of(entry));
    summary.repository = summary.tag = "<none>";
    if (!summary.reference.empty()) {
        try {
            const ImageReference reference = ImageReference::parse(name_of(entry));
            summary.repository = reference.familiar_repository();
            summary.tag = reference.tag.empty() ? "<none>" : reference.tag;
        } catch (const Error&) {
            summary.repository = summary.reference;
        }
    }
    summary.id = image_id_of(paths, entry);
    summary.size = number_of(entry, kSizeAnnotation);
    try {
        if (const auto text =
                read_file_if_exists(summary.id.empty() ? std::string{} : paths.blob(summary.id)))
            summary.created = parse_time_text(parse_image_config(*text).created).value_or(summary.created);
    } catch (const Error&) {  // a damaged image is listed all the same, so that it can be removed
    }
    return summary;
}

std::vector<ImageSummary> ImageStore::list() const {
    std::vector<ImageSummary> result;
    for (const Descriptor& entry : read_store_index(paths_).manifests)
        result.push_back(summarise_entry(paths_, entry));
    std::sort(result.begin(), result.end(), [](const ImageSummary& a, const ImageSummary& b) {
        if (a.reference.empty() != b.reference.empty()) return b.reference.empty();
        return std::tie(a.reference, a.digest) < std::tie(b.reference, b.digest);
    });
    return result;
}

FileLock ImageStore::hold() const {
    make_directories(paths_.images);
    return FileLock::acquire(paths_.index_lock, true);
}

ImageRemoval ImageStore::remove(std::string_view name, const FindImagesInUse& in_use, bool force) const {
    if (!path_exists(paths_.images))
        throw Error{ErrorKind::not_found, fmt::format("image '{}' is not in the store", name)};
    const FileLock index_lock = FileLock::acquire(paths_.index_lock);
    Index index = read_store_index(paths_);
    const Matches matches = match(paths_, index, name);
    if (matches.entries.empty())
        throw Error{ErrorKind::not_found, fmt::format("image '{}' is not in the store", name)};
    if (!matches.by_name && matches.entries.size() > 1 && !force) {
        throw Error{ErrorKind::conflict, fmt::format("image '{}' has {} names", name, matches.entries.size())}
            .with_hint("remove it by name, or with --force by id with all its names");
    }
    const std::string digest = matches.entries.front()->digest;
    const bool last = entries_with_digest(index, digest).size() == matches.entries.size();
    const ImagesInUse users = last && in_use ? in_use() : ImagesInUse{};
    if (const auto user = users.find(digest); user != users.end()) {
        throw Error{ErrorKind::conflict,
                    fmt::format("image '{}' is used by container {}", name, user->second)}
            .with_hint("remove the container first, e.g. with `stack down`");
    }
    ImageRemoval removal;
    std::set<const Descriptor*> doomed{matches.entries.begin(), matches.entries.end()};
    std::vector<Descriptor> kept;
    for (const Descriptor& entry : index.manifests) {
        if (!doomed.contains(&entry)) {
            kept.push_back(entry);
        } else if (!name_of(entry).empty()) {
            removal.untagged.push_back(familiar_name(name_of(entry)));
        }
    }
    index.manifests = std::move(kept);
    write_store_index(paths_, index);
    if (const std::optional<FileLock> gc_lock = FileLock::try_acquire(paths_.gc_lock))
        collect_unreachable(paths_, index, removal);
    return removal;
}

void ImageStore::tag(std::string_view name, std::string_view new_reference) const {
    const ImageReference target = ImageReference::parse(new_reference);
    if (!target.digest.empty())
        throw Error{ErrorKind::invalid_input,
                    fmt::format("'{}' has a digest; a name to give has none", new_reference)};
    if (!path_exists(paths_.images))
        throw Error{ErrorKind::not_found, fmt::format("image '{}' is not in the store", name)};
    const FileLock index_lock = FileLock::acquire(paths_.index_lock);
    Index index = read_store_index(paths_);
    const Matches matches = match(paths_, index, name);
    if (matches.entries.empty())
        throw Error{ErrorKind::not_found, fmt::format("image '{}' is not in the store", name)};
    give_name(index, *matches.entries.front(), target.full());
    write_store_index(paths_, index);
}

void ImageStore::mark_used(std::string_view digest) const {
    // A missing manifest says so where the image is used.
    static_cast<void>(::utimensat(AT_FDCWD, paths_.blob(digest).c_str(), nullptr, AT_SYMLINK_NOFOLLOW));
}

ImageRemoval ImageStore::collect() const {
    ImageRemoval removal;
    if (!path_exists(paths_.images)) return removal;
    const std::optional<FileLock> gc_lock = FileLock::try_acquire(paths_.gc_lock);
    if (!gc_lock) return removal;
    const FileLock index_lock = FileLock::acquire(paths_.index_lock);
    collect_unreachable(paths_, read_store_index(paths_), removal);
    return removal;
}

}  // namespace stack
