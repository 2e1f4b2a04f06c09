// Errors that point at the place in the user's file which asked for the impossible. Internal to manager/plan.
#pragma once

#include "manager/compose/model.hpp"
#include "runtime/base/error.hpp"

#include <string>

namespace stack::plan {

/// `error` at `position`; as it is when that is unknown.
Error blame(Error error, const compose::Position& position);
/// At the service's `key`, or else at the service.
Error blame(Error error, const compose::Service& service, const std::string& key);

}  // namespace stack::plan
