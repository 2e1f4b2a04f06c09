// An image of the store on its way to a registry: blobs first, three at a time, the manifest last, so that the tag never
// names what is not there. Reads nothing of what it sends but the manifest; the network is the fetcher's.
#pragma once

#include "runtime/image/layer_events.hpp"
#include "runtime/image/manifest.hpp"
#include "runtime/image/registry/fetcher.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack::image {

/// A blob of the store, open.
struct OpenBlob {
    Descriptor blob;
    UniqueFd file;
    bool is_layer = false;   ///< its fate is told
    std::string mount_from;  ///< a repository of the same registry that may have it; may be empty
};

/// What is to be sent, held open: it stays readable whatever becomes of the image meanwhile.
struct PushContent {
    Descriptor manifest;
    UniqueFd manifest_file;
    std::vector<OpenBlob> blobs;  ///< each once
};

struct PushResult {
    std::uint64_t size = 0;      ///< bytes of all blobs
    std::uint64_t uploaded = 0;  ///< bytes of those that had to be sent
};

/// Sends it all under `tag`. Throws Error.
PushResult push_image(const PushContent& content, const std::string& tag, registry::Fetcher& fetcher,
                      EventWriter& events);

}  // namespace stack::image
