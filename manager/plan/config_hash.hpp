// Whether a container still is what its service asks for: a digest to compare and, for people, the difference
// in words. The digest leaves out what does not change a container: pull policy, scale, depends_on, profiles,
// and where in the file something was written. Changed content of a mounted file is no difference either.
#pragma once

#include "manager/compose/model.hpp"

#include <string>

namespace stack::plan {

/// SHA-256, 64 hex digits, over the service's model as JSON (sorted members, no white space). Keys that the model has
/// no field for are in it by Service::config_hash.
std::string service_hash(const compose::Service& service);
std::string network_hash(const compose::Network& network);

/// `environment DB_URL changed, image changed`, in the model's order; empty when the digests are equal.
std::string describe_difference(const compose::Service& before, const compose::Service& after);

}  // namespace stack::plan
