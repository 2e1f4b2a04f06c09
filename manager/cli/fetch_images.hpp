// The images of a project, before anything of it is changed: which are to be fetched, and fetching them.
#pragma once

#include "manager/cli/commands.hpp"
#include "manager/compose/model.hpp"
#include "manager/plan/plan_images.hpp"

#include <set>
#include <string>

namespace stack::cli {

/// What is to be fetched for `services` (all when empty). `policy` is that of --pull. Prints what is missing and may not
/// be fetched, and throws AlreadyReported then.
plan::ImagePlan plan_fetching(const Context& context, const compose::Project& project,
                              const std::set<std::string>& services, const std::string& policy);

/// Fetches all of it, some beside each other. Does nothing, and starts nothing, for an empty plan. Prints what failed at
/// its place in the file, and throws AlreadyReported then, and after an interruption.
void fetch_images(const Context& context, const compose::Project& project, const plan::ImagePlan& plan,
                  bool quiet);

}  // namespace stack::cli
