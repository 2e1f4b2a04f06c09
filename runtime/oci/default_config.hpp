// The configuration that `spec` writes: a shell in a read-only root, as runc's has it, with this project's masks.
#pragma once

#include "runtime/oci/config_reader.hpp"

#include <sys/types.h>

namespace stack::oci {

OciConfig default_config();
/// For a caller without privileges: a user namespace in which root is this user, and nothing that would need more.
void make_rootless(ContainerSpec& spec, uid_t uid, gid_t gid);

}  // namespace stack::oci
