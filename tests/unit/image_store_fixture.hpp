// A store written by hand: images with layers of any words, as an import would leave them.
#pragma once

#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/image/chain_id.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/image/layer_record.hpp"
#include "runtime/image/reference.hpp"
#include "tests/support/temp_root.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::test {

class StoreFixture : public testing::Test {
  protected:
    // Puts an image with these layers (any words) into the store; returns its manifest digest.
    std::string add(const std::string& name, const std::vector<std::string>& layer_words,
                    const std::string& label = "") {
        ImageConfig config;
        config.architecture = "amd64";
        config.os = "linux";
        config.created = "2024-01-02T03:04:05Z";
        if (!label.empty()) config.labels["label"] = label;
        Manifest manifest;
        std::string ids, chain;
        for (const std::string& word : layer_words) {
            const std::string diff_id = sha256_digest(word);
            config.diff_ids.push_back(diff_id);
            chain = image::chain_id(chain, diff_id);
            const std::string id = layer_id_of(chain);
            ids += (ids.empty() ? "" : ",") + id;
            directory_.write("root/layers/" + id + "/file", word);
            directory_.write("root/layers/" + id + ".json", layer_record_json({chain, diff_id, 10, 4096}));
            manifest.layers.push_back(blob("blob of " + word, kOciLayerTarType));
        }
        manifest.config = blob(image_config_json(config, "test"), kOciConfigType);
        Descriptor entry = blob(manifest_json(manifest), kOciManifestType);
        const std::string digest = entry.digest;
        entry.annotations[std::string{kLayersAnnotation}] = ids;
        entry.annotations[std::string{kSizeAnnotation}] = fmt::format("{}", 10 * layer_words.size());
        Index index = read_store_index(paths_);
        give_name(index, entry, ImageReference::parse(name).full());
        write_store_index(paths_, index);
        return digest;
    }
    Descriptor blob(const std::string& text, std::string_view type) {
        const std::string digest = sha256_digest(text);
        directory_.write("root/images/blobs/sha256/" + digest_hex(digest), text);
        return {std::string{type}, digest, text.size(), {}, {}};
    }
    std::size_t blob_count() const { return list_directory(paths_.blobs).size(); }
    std::size_t layer_count() const { return list_directory(paths_.layers).size() / 2; }

    test::TempDir directory_;
    StorePaths paths_{directory_.file("root")};
    ImageStore store_{directory_.file("root")};
};

}  // namespace stack::test
