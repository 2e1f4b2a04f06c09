#include "runtime/image/store_collect.hpp"

#include "runtime/base/disk_use.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/layer_record.hpp"
#include "runtime/image/reference.hpp"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <utility>
#include <variant>

#include <fmt/format.h>

namespace stack {

namespace {

void reach_blobs(const StorePaths& paths, const Descriptor& entry, int depth, Reachable& result) {
    constexpr int kMaxNesting = 4;
    if (depth > kMaxNesting || !result.blobs.insert(digest_hex(entry.digest)).second) return;
    const std::optional<std::string> text = read_file_if_exists(paths.blob(entry.digest), kMaxManifestBytes);
    if (!text) return;
    try {
        const std::variant<Manifest, Index> document = parse_manifest_or_index(*text);
        if (const auto* manifest = std::get_if<Manifest>(&document)) {
            result.blobs.insert(digest_hex(manifest->config.digest));
            for (const Descriptor& layer : manifest->layers) result.blobs.insert(digest_hex(layer.digest));
        } else {
            for (const Descriptor& child : std::get<Index>(document).manifests)
                reach_blobs(paths, child, depth + 1, result);
        }
    } catch (const Error&) {  // what a damaged manifest named can't be used any more
    }
}

// A layer leaves by rename, so that no instant shows half of it under its name.
void remove_layer(const StorePaths& paths, const std::string& id, ImageRemoval& removal) {
    DiskCounter disk;
    removal.freed_bytes += layer_disk_bytes(paths, id, disk);
    make_directories(paths.staging);
    const std::string doomed = fmt::format("{}/removed-{}", paths.staging, id);
    remove_tree(doomed);
    if (::rename(paths.layer(id).c_str(), doomed.c_str()) != 0 && errno != ENOENT)
        throw_errno(fmt::format("remove layer {}", id));
    ::unlink(paths.layer_record(id).c_str());
    remove_tree(doomed);
    removal.deleted.push_back(id);
}

}  // namespace

void reach(const StorePaths& paths, const Descriptor& entry, Reachable& result) {
    reach_blobs(paths, entry, 0, result);
    for (std::string& id : layer_ids_of(entry)) result.layers.insert(std::move(id));
}

void collect_unreachable(const StorePaths& paths, const Index& index, ImageRemoval& removal) {
    Reachable needed;
    for (const Descriptor& entry : index.manifests) reach(paths, entry, needed);
    // First of all, so that what is removed below is not counted twice.
    for (const std::string& name : list_directory(paths.staging)) {
        const std::string path = paths.staging + '/' + name;
        DiskCounter disk;
        removal.freed_bytes += disk.tree(path);
        remove_tree(path);
    }
    for (const std::string& name : list_directory(paths.layers)) {
        const std::string id = name.ends_with(".json") ? name.substr(0, name.size() - 5) : name;
        if (!is_layer_id(id) || needed.layers.contains(id)) continue;
        if (path_exists(paths.layer(id)) || path_exists(paths.layer_record(id)))
            remove_layer(paths, id, removal);
    }
    for (const std::string& name : list_directory(paths.blobs)) {
        if (needed.blobs.contains(name)) continue;
        DiskCounter disk;
        removal.freed_bytes += disk.tree(paths.blobs + '/' + name);
        remove_tree(paths.blobs + '/' + name);
        if (is_sha256_digest("sha256:" + name)) removal.deleted.push_back("sha256:" + name);
    }
}

}  // namespace stack
