// What values mean together: undefined networks, volumes, secrets, configs and services, dependency cycles, names given
// twice, targets mounted twice, files that are not there. Looks at active services only.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/compose/reporter.hpp"

namespace stack::compose {

void check_consistency(Project& project, Reporter& reporter);

}  // namespace stack::compose
