// The name of an unpacked layer: a digest of it and of all below it (image-spec config.md, "Layer ChainID").
#pragma once

#include <string>
#include <string_view>

namespace stack::image {

/// `parent` is empty for the bottom layer.
std::string chain_id(std::string_view parent, std::string_view diff_id);

}  // namespace stack::image
