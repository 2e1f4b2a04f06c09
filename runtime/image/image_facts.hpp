// Which images a store has, and since when: one reading of index.json, whatever the number of names. For whoever has to
// decide whether anything is to be fetched; an image that is to be used comes from ImageStore::find.
#pragma once

#include "runtime/image/image_store.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace stack {

struct ImageFacts {
    std::string digest;  ///< of the manifest
    /// When the registry last said that this is it; for an image that came from elsewhere, when it came.
    std::optional<std::chrono::system_clock::time_point> fetched;
    bool operator==(const ImageFacts&) const = default;
};

/// By the names as given (references, digests, ids); those that the store does not have are left out, those that can't
/// be read as well. Throws Error(failed) when the store's index is damaged.
std::map<std::string, ImageFacts> look_up_images(const ImageStore& store, const std::set<std::string>& names);

}  // namespace stack
