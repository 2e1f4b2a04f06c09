#include "manager/compose/loader.hpp"

namespace stack::compose {

LoadResult load(const LoadRequest&) {
    return {};
}
std::optional<std::string> project_name_without_file(const LoadRequest& request) {
    return request.project_name.empty() ? std::nullopt : std::optional{request.project_name};
}

}  // namespace stack::compose
