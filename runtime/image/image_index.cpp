#include "runtime/image/image_index.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <utility>

namespace stack {

std::string annotation_of(const Descriptor& entry, std::string_view key) {
    const auto found = entry.annotations.find(std::string{key});
    return found == entry.annotations.end() ? std::string{} : found->second;
}

bool is_layer_id(std::string_view text) {
    return text.size() == 24 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Index read_store_index(const StorePaths& paths) {
    const std::optional<std::string> text = read_file_if_exists(paths.index);
    if (!text) return Index{std::string{kOciIndexType}, {}, {}};
    try {
        return parse_index(*text);
    } catch (Error& error) {
        throw Error{ErrorKind::failed, error.what()}.add_context("read '" + paths.index + "'");
    }
}

void write_store_index(const StorePaths& paths, const Index& index) {
    write_file_atomically(paths.index, index_json(index), Durability::power_loss);
}

std::string name_of(const Descriptor& entry) {
    return annotation_of(entry, kRefNameAnnotation);
}

std::vector<std::string> layer_ids_of(const Descriptor& entry) {
    const std::string list = annotation_of(entry, kLayersAnnotation);
    if (list.empty()) return {};
    std::vector<std::string> ids = split(list, ',');
    // The file is ours, but other tools may write it, and these words become paths.
    if (!std::all_of(ids.begin(), ids.end(), [](const std::string& id) { return is_layer_id(id); }))
        return {};
    return ids;
}

void give_name(Index& index, Descriptor entry, const std::string& full_name) {
    if (full_name.empty()) {
        const bool known = std::any_of(index.manifests.begin(), index.manifests.end(),
                                       [&](const Descriptor& other) { return other.digest == entry.digest; });
        if (!known) index.manifests.push_back(std::move(entry));
        return;
    }
    std::vector<Descriptor> kept;
    for (const Descriptor& other : index.manifests) {
        const bool same = other.digest == entry.digest;
        const bool had_name = name_of(other) == full_name;
        if (same && (had_name || name_of(other).empty())) continue;  // replaced by `entry`
        if (!had_name) {
            kept.push_back(other);
            continue;
        }
        const auto is_another_name = [&](const Descriptor& d) {
            return d.digest == other.digest && name_of(d) != full_name;
        };
        if (std::any_of(index.manifests.begin(), index.manifests.end(), is_another_name)) continue;
        kept.push_back(other);
        kept.back().annotations.erase(std::string{kRefNameAnnotation});
    }
    entry.annotations[std::string{kRefNameAnnotation}] = full_name;
    kept.push_back(std::move(entry));
    index.manifests = std::move(kept);
}

}  // namespace stack
