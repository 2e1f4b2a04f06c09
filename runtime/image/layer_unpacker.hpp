// Writes one layer archive into an empty folder, as overlayfs wants to see it: the project's own extraction, because
// libarchive's disk writer replaces a link `lib -> usr/lib` by a folder and can't replace a folder by a file.
//
// Safe against a hostile archive by construction: an entry's parent is opened from the layer's descriptor with
// RESOLVE_IN_ROOT (links inside the layer mean what they mean in the container), the entry itself is created
// with O_EXCL|O_NOFOLLOW or an *at call on that parent, attributes go by descriptor. Later entries replace earlier
// ones. Left out with a warning: device nodes, sockets, extended attributes other than user.* and
// security.capability. Follows image-spec layer.md.
//
// Not here: trusted.overlay.opaque (needs CAP_SYS_ADMIN, which this code does not have: the caller sets it on
// `opaque_folders`), decompression and hashing (layer_import.hpp).
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/archive_reader.hpp"
#include "runtime/image/entry_name.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace stack::image {

struct UnpackLimits {
    std::uint64_t entries = 4'000'000;
    std::uint64_t bytes = std::uint64_t{256} << 30;
    std::uint64_t remembered_bytes = 256u << 20;  ///< names kept until the end (folders, whiteouts)
    bool operator==(const UnpackLimits&) const = default;
};

struct UnpackResult {
    std::uint64_t entries = 0;
    std::uint64_t size = 0;                   ///< bytes of regular files, hard links once
    std::vector<std::string> opaque_folders;  ///< paths inside the layer, sorted; "" is the root
    std::vector<std::string>
        implicit_folders;  ///< made because something below them came without them, sorted
    std::uint64_t left_out = 0;
};

class LayerUnpacker {
  public:
    /// `layer` is the folder's descriptor (readable, not O_PATH); it stays the caller's. umask must be 0.
    /// `warn` gets a sentence for each thing left out, a few of each kind.
    LayerUnpacker(int layer, const UnpackLimits& limits, std::function<void(const std::string&)> warn);

    /// The whole archive. Throws Error(invalid_input) naming the entry for what is refused.
    UnpackResult unpack(ArchiveReader& archive);

  private:
    struct FolderTime {
        std::string path;
        timespec modified;
    };

    void add(const ArchiveEntry& entry, ArchiveReader& archive);
    void add_object(const ArchiveEntry& entry, const EntryName& name, ArchiveReader& archive);
    void add_root(const ArchiveEntry& entry);
    void add_folder(const ArchiveEntry& entry, const EntryName& name, int parent);
    void add_file(const ArchiveEntry& entry, const EntryName& name, int parent, ArchiveReader& archive);
    void add_symlink(const ArchiveEntry& entry, const EntryName& name, int parent);
    void add_hard_link(const ArchiveEntry& entry, const EntryName& name, int parent);
    void add_fifo(const ArchiveEntry& entry, const EntryName& name, int parent);
    std::uint64_t write_data(int file, const ArchiveEntry& entry, ArchiveReader& archive);

    /// The folder of that name below the root, made where it is missing. Valid until the next call.
    int parent_folder(const std::string& path);
    UniqueFd make_parents(const std::string& path);
    /// Makes way for an entry; returns its parent, which must be taken anew.
    int remove_existing(const EntryName& name);
    void set_attributes(int fd, const ArchiveEntry& entry);
    void set_xattrs(int fd, const ArchiveEntry& entry);
    void remember_folder_time(std::string path, timespec modified);

    void apply_whiteouts();
    void apply_whiteout(const EntryName& whiteout);
    void apply_folder_times();
    void warn_about(const std::string& kind, const std::string& sentence);
    void spend_memory(std::size_t bytes);

    int layer_;
    UnpackLimits limits_;
    std::function<void(const std::string&)> warn_;
    UnpackResult result_;
    std::string cached_path_;
    UniqueFd cached_parent_;
    bool root_seen_ = false;
    std::set<std::string> implicit_folders_;
    std::vector<EntryName> whiteouts_;
    std::vector<FolderTime> folder_times_;
    std::map<std::string, int> warnings_;
    std::uint64_t remembered_ = 0;
};

/// Gives folders that an archive did not describe (result.implicit_folders) the attributes they have in the layers
/// below, topmost first, as a container will expect them.
void inherit_folder_attributes(int layer, const std::vector<std::string>& folders,
                               const std::vector<int>& lower);

/// overlayfs does not look for an opaque mark on the root of a layer. Where an archive has one (`.wh..wh..opq` at the
/// top), everything in the roots of the layers below is hidden by name instead; returns the folders of this layer that
/// must be opaque, because they would merge with one of the same name.
std::vector<std::string> hide_lower_roots(int layer, const std::vector<int>& lower);

}  // namespace stack::image
