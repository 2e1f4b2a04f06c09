// The inner half of `stack-image import`: turns a source into staged blobs and layers. Runs in the sandbox, with
// nothing but descriptors; what it answers is data for the outer half, which makes the image appear.
#pragma once

#include "runtime/image/image_config.hpp"
#include "runtime/image/layer_stager.hpp"

#include <map>
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
    StagingPlaces store;
    int source_folder = -1;  ///< one of these two
    int source_file = -1;
    std::string source_name;  ///< for messages
};

/// The image, without a name. Throws Error.
StagedImage import_image(const ImportRequest& request, const ImportPlaces& places,
                         const StagingEvents& events);

}  // namespace stack::image
