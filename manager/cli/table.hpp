// Text in columns, as `docker ps` shows it: upper-case headings, at least three spaces between columns.
#pragma once

#include <string>
#include <vector>

namespace stack::cli {

/// Rows shorter than the headings are filled up; control characters in cells are shown as `?`, so that a name
/// from outside can't steer the terminal. Widths count UTF-8 characters.
std::string format_table(const std::vector<std::string>& headings,
                         const std::vector<std::vector<std::string>>& rows);

}  // namespace stack::cli
