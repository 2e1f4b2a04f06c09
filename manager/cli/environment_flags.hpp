// Variables that stand for flags: what the command line does not say is taken from them. Those that concern compose
// files (COMPOSE_FILE, COMPOSE_PROFILES, …) are the loader's.
//
//     COMPOSE_ANSI             --ansi; --ansi auto is as if nothing was said
//     COMPOSE_PROGRESS         --progress; likewise
//     COMPOSE_PARALLEL_LIMIT   --parallel
//     COMPOSE_REMOVE_ORPHANS   --remove-orphans of up and down
//     COMPOSE_IGNORE_ORPHANS   up says nothing of orphans; an error beside --remove-orphans
//     STACK_OFFLINE            --offline
#pragma once

#include "manager/cli/options.hpp"

#include <map>
#include <string>

namespace stack::cli {

/// `variables`: the shell's over those of `.env`. Throws Error(invalid_input) for a value that can't be read.
void apply_environment(Invocation& invocation, const std::map<std::string, std::string>& variables);

}  // namespace stack::cli
