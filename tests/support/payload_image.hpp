// The image of the e2e ring: a root file system of two static programs, made in milliseconds.
#pragma once

#include <string>

namespace stack::test {

/// Fills `directory` (created) with /bin/stack-payload, /bin/busybox with its applet links, passwd, group,
/// /tmp. Throws Error.
void make_payload_rootfs(const std::string& directory);

}  // namespace stack::test
