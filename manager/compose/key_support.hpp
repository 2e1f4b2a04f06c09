// What the runtime can do of what a file says, by the `state` column of the table of keys and, where that is `partly`,
// by value. Works on the canonical tree with the services that are on, and on the resources that these use: what no
// container comes to see stops none.
#pragma once

#include "manager/compose/loader.hpp"
#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

namespace stack::compose {

/// Warns of keys that are ignored; for LoadPurpose::run also reports those that are not supported yet.
void check_support(const Tree& tree, Node& root, LoadPurpose purpose, Reporter& reporter);

}  // namespace stack::compose
