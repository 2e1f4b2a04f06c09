// Names of containers, which become names of directories and cgroups: a strict grammar keeps them from being paths.
#pragma once

#include <string_view>

namespace stack::oci {

/// 1 to 255 of `A-Za-z0-9_+.-`, but neither `.` nor `..`. Throws Error(invalid_input).
void check_container_id(std::string_view id);

}  // namespace stack::oci
