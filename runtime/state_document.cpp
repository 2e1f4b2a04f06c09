#include "runtime/state_document.hpp"

#include <nlohmann/json.hpp>

namespace stack {

std::string state_text(const StateDocument& state) {
    nlohmann::ordered_json document = {{"ociVersion", state.oci_version},
                                       {"id", state.id},
                                       {"status", state.status},
                                       {"pid", state.pid},
                                       {"bundle", state.bundle}};
    if (!state.annotations.empty()) document["annotations"] = state.annotations;
    return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace stack
