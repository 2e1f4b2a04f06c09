// The inner half of `stack-image import`: turns a source into staged blobs and layers. Runs in the sandbox, with
// nothing but descriptors; what it answers is data for the outer half, which makes the image appear.
#pragma once

#include "runtime/image/image_config.hpp"
#include "runtime/image/layer_unpacker.hpp"
#include "runtime/image/store_writer.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace stack::image {

/// What the flags say about a root file system, which has no configuration of its own.
struct ConfigFlags {
    std::optional<std::vector<std::string>> entrypoint, cmd;
    std::vector<std::string> env, expose;
    std::map<std::string, std::string> labels;
    std::string working_dir, user, stop_signal;
    [[nodiscard]] bool any() const;
};

struct ImportRequest {
    std::string full_name;
    std::string select;  ///< which image of a layout
    ConfigFlags flags;
    std::string created;  ///< RFC 3339, for a root file system
    /// What the name stands for now: the same files then keep their date, and so the same image its digest.
    std::string previous_diff_id, previous_created;
    UnpackLimits limits;
};

/// Folders and source, as descriptors of the sandbox.
struct ImportPlaces {
    int staging = -1;        ///< has `blobs` and `layers`
    int store_layers = -1;   ///< the store's unpacked layers, read-only
    int source_folder = -1;  ///< one of these two
    int source_file = -1;
    std::string source_name;  ///< for messages
};

struct ImportEvents {
    /// phase: unpack, copy; bytes of the source; total 0 when it is unknown.
    std::function<void(const std::string& phase, std::uint64_t done, std::uint64_t total)> progress;
    std::function<void(const std::string& sentence)> warning;
};

/// Throws Error.
StagedImage import_image(const ImportRequest& request, const ImportPlaces& places,
                         const ImportEvents& events);

}  // namespace stack::image
