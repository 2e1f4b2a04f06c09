#include "runtime/image/chain_id.hpp"

#include "runtime/base/sha256.hpp"

#include <fmt/format.h>

namespace stack::image {

std::string chain_id(std::string_view parent, std::string_view diff_id) {
    return parent.empty() ? std::string{diff_id} : sha256_digest(fmt::format("{} {}", parent, diff_id));
}

}  // namespace stack::image
