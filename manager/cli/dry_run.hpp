// `--dry-run`: makes the plan that the supervisor would make, from the same records, and prints it.
#pragma once

#include "manager/cli/commands.hpp"
#include "manager/compose/model.hpp"
#include "manager/plan/plan_images.hpp"
#include "manager/plan/planner.hpp"

namespace stack::cli {

int dry_run_up(const Context& context, const compose::Project& project, const plan::ImagePlan& images,
               const plan::UpOptions& options);
int dry_run_down(const Context& context, const std::string& name, const compose::Project* project,
                 const plan::DownOptions& options);
int dry_run_select(const Context& context, const std::string& name, const compose::Project* project,
                   const SelectCommand& command);

}  // namespace stack::cli
