// Lexical operations on paths, without a look at the file system.
#pragma once

#include <string>
#include <string_view>

namespace stack::compose {

/// `path` seen from `base` (absolute), cleaned of `.`, `..` and `//`.
std::string absolute_path(const std::string& base, std::string_view path);

/// `/a/b` for `/a/b/c`; `/` for `/a`.
std::string directory_of(const std::string& path);

/// `c` for `/a/b/c`.
std::string_view file_name_of(std::string_view path);

/// A place that is fetched: `https://…`, `oci://…`, `git@host:…`, `github.com/…`.
bool is_remote(std::string_view path);

}  // namespace stack::compose
