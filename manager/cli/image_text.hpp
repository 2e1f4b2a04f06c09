// Images as people see them: short ids, ages.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace stack::cli {

/// `0123456789ab` of `sha256:0123456789ab…`, unless it is to be `whole`.
std::string shown_image_id(const std::string& id, bool whole = false);
/// `3 days ago`; `N/A` for the epoch, which stands for "not known".
std::string shown_age(std::chrono::system_clock::time_point created);
/// Each id once, a line each, in their order.
std::string id_lines(const std::vector<std::string>& ids);

}  // namespace stack::cli
