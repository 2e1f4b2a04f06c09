// A command as a flag gives it: a JSON list, or words with shell quoting. No shell runs, nothing is expanded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stack::image {

/// `["nginx","-g","daemon off;"]` or `nginx -g 'daemon off;'`. Throws Error(invalid_input).
std::vector<std::string> command_words(std::string_view text);

}  // namespace stack::image
