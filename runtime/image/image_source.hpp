// What the user points at, told apart by content: a root file system (folder or archive), an OCI image layout
// (folder or archive), an archive of `docker save`. Foreign bytes: used inside the sandbox only.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/byte_flow.hpp"
#include "runtime/image/manifest.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::image {

/// A regular file inside a layout: bytes [offset, offset+size) of `fd`.
struct Member {
    UniqueFd fd;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    [[nodiscard]] ByteProducer bytes() const { return produce_file(fd.get(), offset, size); }
    /// Throws Error(invalid_input) beyond `limit`.
    [[nodiscard]] std::string text(std::string_view what, std::size_t limit) const;
};

/// The files of an image layout by their names.
class Members {
  public:
    virtual ~Members() = default;
    [[nodiscard]] virtual std::optional<Member> find(const std::string& name) const = 0;
    /// Throws Error(invalid_input) when it is missing.
    [[nodiscard]] Member get(const std::string& name) const;
    /// `blobs/sha256/<hex>`.
    [[nodiscard]] Member blob(std::string_view digest) const;
};

/// A folder; links in it are not followed. The descriptor stays the caller's.
std::unique_ptr<Members> members_of_folder(int folder);
/// An uncompressed tar archive in a regular file, read in place.
std::unique_ptr<Members> members_of_archive(int file);

enum class SourceKind { root_file_system, image_layout };

/// Whether an archive's first entries are those of an image layout. `start` is the beginning of the uncompressed archive.
/// Throws Error(invalid_input) when it is no tar archive.
SourceKind kind_of_archive(Bytes start);
/// The same for a folder.
SourceKind kind_of_folder(int folder);

/// One image of a layout.
struct FoundImage {
    std::vector<std::string> names;  ///< as the layout has them; may be empty
    Descriptor manifest;             ///< OCI: its descriptor; digest is empty for `docker save`
    std::string config;              ///< docker save: member names
    std::vector<std::string> layers;
    [[nodiscard]] bool is_oci() const { return !manifest.digest.empty(); }
};

/// All images of a layout. Throws Error(invalid_input) when there is none.
std::vector<FoundImage> images_in(const Members& members);
/// The one that the user means: the only one, or that of the name `select`. Throws Error naming all of them.
const FoundImage& choose_image(const std::vector<FoundImage>& images, std::string_view select);

}  // namespace stack::image
