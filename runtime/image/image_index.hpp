// index.json of the store, as values: who reads or changes it holds `StorePaths::index_lock`.
// Not the place where an image is made usable: see image_store.hpp (reading) and store_writer.hpp (adding).
#pragma once

#include "runtime/image/image_store.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace stack {

inline constexpr std::string_view kLayersAnnotation =
    "stack.layers";  ///< layer ids, bottom first, comma separated
inline constexpr std::string_view kSizeAnnotation = "stack.size";    ///< bytes of the unpacked layers
inline constexpr std::string_view kAddedAnnotation = "stack.added";  ///< RFC 3339
/// Digest that the registry had for the name when it was last pulled or pushed, of a manifest or of an index: as long as
/// it has that one, nothing is new.
inline constexpr std::string_view kSourceAnnotation = "stack.source";
inline constexpr std::string_view kPulledAnnotation = "stack.pulled";  ///< when it was last so, RFC 3339

/// 24 lower-case hex digits.
bool is_layer_id(std::string_view text);

/// An empty index when the store does not exist yet. Throws Error(failed) when the file is damaged.
Index read_store_index(const StorePaths& paths);
void write_store_index(const StorePaths& paths, const Index& index);

/// The full name of an entry, empty when it has none.
std::string name_of(const Descriptor& entry);
/// An annotation of ours or of the specification; empty when it is absent.
std::string annotation_of(const Descriptor& entry, std::string_view key);
/// Layer ids of an entry, bottom first; empty when it was never unpacked (put there by another program).
std::vector<std::string> layer_ids_of(const Descriptor& entry);

/// Makes `entry` the one with this full name. The entry that had the name keeps its image alive without one.
/// An empty name adds the image without a name, if it is not there already.
void give_name(Index& index, Descriptor entry, const std::string& full_name);

}  // namespace stack
