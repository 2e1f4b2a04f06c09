#include "runtime/image/store_writer.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/reference.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

// In a user namespace trusted.* can't be set; overlayfs reads user.* there when mounted with userxattr.
constexpr const char* kOpaqueXattr = "trusted.overlay.opaque";

void make_private_folder(const std::string& path) {
    make_directories(path);
    // Images hold set-id programs: nobody else may reach them, whatever made the folder.
    if (::chmod(path.c_str(), 0700) != 0) throw_errno(fmt::format("close '{}' to others", path));
}

void sync_folder(const std::string& path) {
    const UniqueFd folder = open_directory(path);
    if (::fsync(folder.get()) != 0) throw_errno(fmt::format("sync '{}'", path));
}

// nullopt when there is no such file.
std::optional<std::uint64_t> file_size(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
    return static_cast<std::uint64_t>(info.st_size);
}

std::string now_text() {
    return format_time(std::chrono::system_clock::now());
}

void set_source(Descriptor& entry, const std::string& source) {
    entry.annotations[std::string{kSourceAnnotation}] = source;
    entry.annotations[std::string{kPulledAnnotation}] = now_text();
}

// An image as an entry of index.json, added now.
Descriptor entry_of(const StagedImage& image) {
    Descriptor entry = image.manifest;
    std::vector<std::string> ids;
    std::uint64_t size = 0;
    for (const StagedLayer& layer : image.layers) {
        ids.push_back(layer_id_of(layer.record.chain_id));
        size += layer.record.size;
    }
    entry.annotations[std::string{kLayersAnnotation}] = join(ids, ",");
    entry.annotations[std::string{kSizeAnnotation}] = fmt::format("{}", size);
    entry.annotations[std::string{kAddedAnnotation}] = now_text();
    return entry;
}

void rename_file(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) throw_errno(fmt::format("rename '{}' to '{}'", from, to));
}

// Interrupted downloads that nobody went on with.
void clear_old_downloads(const StorePaths& paths) {
    constexpr time_t kKept = 7 * 24 * 3600;
    const time_t now = ::time(nullptr);
    for (const std::string& name : list_directory(paths.downloads)) {
        const std::string path = paths.downloads + '/' + name;
        struct stat info {};
        if (::lstat(path.c_str(), &info) != 0 || info.st_mtime > now - kKept) continue;
        const std::optional<FileLock> unused = FileLock::try_acquire(path);
        if (unused && ::unlink(path.c_str()) != 0 && errno != ENOENT)
            throw_errno(fmt::format("remove the old download '{}'", name));
    }
}

}  // namespace

void note_source(const StorePaths& paths, const std::string& full_name, const std::string& digest,
                 const std::string& source) {
    const FileLock index_lock = FileLock::acquire(paths.index_lock);
    Index index = read_store_index(paths);
    for (Descriptor& entry : index.manifests)
        if (name_of(entry) == full_name && entry.digest == digest) set_source(entry, source);
    write_store_index(paths, index);
}

ImportSession::ImportSession(StorePaths paths, FileLock lock, std::string folder)
    : paths_{std::move(paths)}, lock_{std::move(lock)}, folder_{std::move(folder)} {}

ImportSession::ImportSession(ImportSession&& other) noexcept
    : paths_{std::move(other.paths_)},
      lock_{std::move(other.lock_)},
      folder_{std::exchange(other.folder_, std::string{})} {}

ImportSession ImportSession::begin(const StorePaths& paths) {
    make_private_folder(paths.images);
    make_private_folder(paths.layers);
    make_private_folder(paths.staging);
    make_private_folder(paths.downloads);
    make_directories(paths.blobs);
    clear_old_downloads(paths);
    const std::string layout = paths.images + "/oci-layout";
    if (!path_exists(layout))
        write_file_atomically(layout, R"({"imageLayoutVersion":"1.0.0"})", Durability::power_loss);
    static_cast<void>(ImageStore{paths.root}.collect());
    FileLock lock = FileLock::acquire(paths.gc_lock, true);
    std::string folder = paths.staging + '/' + random_hex(8);
    make_directories(folder + '/' + kStagedBlobs);
    make_directories(folder + '/' + kStagedLayers);
    return ImportSession{paths, std::move(lock), std::move(folder)};
}

ImportSession::~ImportSession() {
    if (folder_.empty()) return;
    try {
        remove_tree(folder_);
        // What could not be collected while this import held the lock: names removed meanwhile, and the remains of an
        // import that was killed so shortly before that its lock was still held when this one began.
        lock_.reset();
        static_cast<void>(ImageStore{paths_.root}.collect());
    } catch (const Error&) {  // the next import or `collect` does it
    }
}

bool ImportSession::publish(StagedImage image) {
    for (const StagedLayer& layer : image.layers)
        if (layer.staged) mark_opaque_folders(layer);
    const UniqueFd store = open_directory(paths_.root);
    // One sync for ten thousand files; whatever index.json names must survive a power cut.
    if (::syncfs(store.get()) != 0) throw_errno("write the image to the disk");
    for (StagedLayer& layer : image.layers)
        if (layer.staged) measure_layer(staged_layer(layer_id_of(layer.record.chain_id)), layer.record);

    const FileLock index_lock = FileLock::acquire(paths_.index_lock);
    for (const std::string& digest : image.blobs) move_blob(digest);
    for (const DownloadedBlob& blob : image.downloads) move_download(blob);
    for (const StagedLayer& layer : image.layers) move_layer(layer);
    sync_folder(paths_.blobs);
    sync_folder(paths_.layers);

    Index index = read_store_index(paths_);
    const auto known =
        std::find_if(index.manifests.begin(), index.manifests.end(), [&](const Descriptor& entry) {
            return entry.digest == image.manifest.digest && name_of(entry) == image.full_name &&
                   layer_ids_of(entry).size() == image.layers.size();
        });
    const bool changed = known == index.manifests.end();
    Descriptor entry = changed ? entry_of(image) : *known;
    if (!image.source.empty()) set_source(entry, image.source);
    if (!changed && entry == *known) return false;
    give_name(index, std::move(entry), image.full_name);
    write_store_index(paths_, index);
    return changed;
}

std::string ImportSession::staged_layer(const std::string& id) const {
    return fmt::format("{}/{}/{}", folder_, kStagedLayers, id);
}

void ImportSession::mark_opaque_folders(const StagedLayer& layer) const {
    const std::string path = staged_layer(layer_id_of(layer.record.chain_id));
    const std::optional<std::string> list = read_file_if_exists(path + ".opaque", 512u << 20);
    if (!list || list->empty()) return;
    const UniqueFd root = open_directory(path);
    for (std::size_t start = 0, end; (end = list->find('\0', start)) != std::string::npos; start = end + 1) {
        const std::string folder = list->substr(start, end - start);
        // The names come from the process that read foreign bytes: resolved inside the layer, whatever they are.
        const UniqueFd fd =
            open_at(root.get(), folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY, Resolve::in_root);
        if (::fsetxattr(fd.get(), kOpaqueXattr, "y", 1, 0) != 0) throw_errno("mark a folder as opaque");
    }
}

void ImportSession::move_blob(const std::string& digest) const {
    const std::string from = fmt::format("{}/{}/{}", folder_, kStagedBlobs, digest_hex(digest));
    const std::string to = paths_.blob(digest);
    if (const auto stored = file_size(to); stored && stored == file_size(from))
        return;  // the store's own copy stays; ours goes with the staging folder
    rename_file(from, to);
}

// Another pull of the same blob may have published it, and a third may fill a new file of its name meanwhile: sizes tell
// them apart. The lock of the file is held by the half that has read it.
void ImportSession::move_download(const DownloadedBlob& blob) const {
    if (file_size(paths_.blob(blob.digest)) == blob.size) return;
    const std::string path = paths_.download(blob.digest);
    if (file_size(path) != blob.size)
        throw Error{ErrorKind::failed, fmt::format("the download of {} vanished", blob.digest)}.with_hint(
            "was it removed by hand? pull the image again");
    rename_file(path, paths_.blob(blob.digest));
}

void ImportSession::move_layer(const StagedLayer& layer) const {
    const std::string id = layer_id_of(layer.record.chain_id);
    const std::optional<LayerRecord> existing = read_layer_record(paths_, id);
    if (path_exists(paths_.layer(id)) && existing) {
        if (existing->chain_id != layer.record.chain_id)
            throw Error{ErrorKind::failed, fmt::format("two different layers want the id {}", id)};
        return;
    }
    if (!layer.staged)
        throw Error{ErrorKind::internal, fmt::format("layer {} vanished during the import", id)};
    write_file_atomically(paths_.layer_record(id), layer_record_json(layer.record), Durability::power_loss);
    if (path_exists(paths_.layer(id)))
        remove_tree(paths_.layer(id));  // without a record: half of an old removal
    rename_file(staged_layer(id), paths_.layer(id));
}

}  // namespace stack
