// Archives of whole images, as `save` writes them:
//
//   docker   manifest.json, <config hex>.json, <diff id hex>.tar …: what docker load, podman load and skopeo's
//            docker-archive: read. Layers are plain archives, because older readers take no others; each is there once.
//   oci      an OCI image layout (image-spec image-layout.md) as an archive: every blob as it is in the store.
//
// The same images give the same bytes: fixed times, owners and order. Every blob is held against its digest on the way;
// they are foreign bytes still, so this runs in the sandbox.
#pragma once

#include "runtime/image/byte_flow.hpp"
#include "runtime/image/image_source.hpp"
#include "runtime/image/manifest.hpp"

#include <string>
#include <vector>

namespace stack::image {

struct ArchivedImage {
    std::vector<std::string> names;  ///< full references; none: the image has only its digest
    Descriptor descriptor;           ///< of the manifest, with its platform
    Manifest manifest;
    std::vector<std::string> diff_ids;  ///< as many as the manifest has layers
};

enum class ArchiveFormat { docker, oci };

/// `blobs` is the store's layout. Throws Error(failed) naming the blob that is damaged; what was written until then is no
/// archive. Throws what `out` throws.
void write_image_archive(ArchiveFormat format, const std::vector<ArchivedImage>& images, const Members& blobs,
                         const ByteSink& out);

}  // namespace stack::image
