#include "manager/plan/blame.hpp"

#include <utility>

namespace stack::plan {

Error blame(Error error, const compose::Position& position) {
    if (!position.file.empty()) error.at(SourcePosition{position.file, position.line, position.column});
    return error;
}

Error blame(Error error, const compose::Service& service, const std::string& key) {
    const auto found = service.positions.find(key);
    return blame(std::move(error), found != service.positions.end() ? found->second : service.position);
}

}  // namespace stack::plan
