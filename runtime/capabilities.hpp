// Names and bits of capabilities(7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// CAP_CHOWN … in kernel order: the index is the bit.
const std::vector<std::string>& capability_names();
/// With or without CAP_, any case; nullopt when there is none.
std::optional<int> capability_number(std::string_view name);
/// Throws Error(invalid_input) with the nearest name as hint; names that this kernel lacks are left out.
std::uint64_t capability_mask(const std::vector<std::string>& names, int last_capability);

}  // namespace stack
