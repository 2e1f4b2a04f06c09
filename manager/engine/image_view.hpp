// An image's file system as its container will see it, before any container exists: the layers merged by overlayfs
// in a detached mount that no namespace ever shows, reached by one descriptor. For looking (is the command there?)
// and for filling volumes. Nothing of the image is executed or loaded.
#pragma once

#include "runtime/base/fd.hpp"

#include <optional>
#include <string>
#include <vector>

namespace stack::engine {

/// The merged root, read-only. Invalid when this kernel can't give one; then looking is left to the launch.
UniqueFd open_image_view(const std::vector<std::string>& layers_topmost_first);

/// Whether `command` can be found as the runtime will look for it: as a path, or in the PATH of `env`.
/// Symlinks are followed inside the image.
bool command_exists(int image_root, const std::string& command, const std::vector<std::string>& env,
                    const std::string& working_dir);

}  // namespace stack::engine
