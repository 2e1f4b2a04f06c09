#include "manager/compose/paths.hpp"

#include "manager/compose/short_syntax.hpp"

#include <fmt/format.h>

namespace stack::compose {

std::string absolute_path(const std::string& base, std::string_view path) {
    return clean_path(path.starts_with('/') ? std::string{path} : fmt::format("{}/{}", base, path));
}

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string_view file_name_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_remote(std::string_view path) {
    return path.find("://") != std::string_view::npos || path.starts_with("git@") ||
           path.starts_with("github.com/");
}

}  // namespace stack::compose
