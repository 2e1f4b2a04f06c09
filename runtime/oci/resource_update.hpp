// What `update` changes: limits from flags or a document, laid over those in force.
#pragma once

#include "runtime/container_spec.hpp"
#include "runtime/oci/flags.hpp"

namespace stack::oci {

/// The limits that the flags name. Sizes with or without unit; -1 = no limit. Throws Error(invalid_input, not_supported).
ResourceSpec resources_from_flags(const Arguments& arguments);

/// In a document 0 and "" mean "as it is", as runc has it.
void drop_unchanged(ResourceSpec& change);

struct ResourceUpdate {
    ResourceSpec all;    ///< what holds from now on
    ResourceSpec write;  ///< what has to be written for that: the change, with what the kernel ties to it
};
/// Pure.
ResourceUpdate merge_resources(const ResourceSpec& before, const ResourceSpec& change);

}  // namespace stack::oci
