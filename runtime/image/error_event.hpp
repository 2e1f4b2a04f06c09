// An error as a JSON object: how the processes of an image operation tell each other what went wrong.
#pragma once

#include "runtime/base/error.hpp"

#include <nlohmann/json_fwd.hpp>

namespace stack::image {

/// {"event":"error","kind":"invalid-input","message":"…","context":["…"],"hint":"…"}
nlohmann::json error_event(const Error& error);
/// The error of such an object, with its context. Throws Error(invalid_input) for anything else.
Error error_of_event(const nlohmann::json& event);

}  // namespace stack::image
