// The hooks that the child itself runs, as steps: createContainer and startContainer (config.md, "POSIX-platform Hooks").
// The others are run in the runtime's namespaces, by hooks.hpp. Private to the builders.
#pragma once

#include "runtime/program_builder.hpp"

#include <vector>

namespace stack {

/// Whether anything is to be run before the root is entered.
bool has_create_hooks(const ContainerSpec& spec);

/// What a hook gets as its standard input and as its outputs.
struct HookFiles {
    Slot state, output;
};

/// Keeps the state document that the last sync point brought, while anything may still be created.
HookFiles plan_hook_files(ProgramBuilder& builder);

/// One step a hook. `kind` is the specification's name of the list. Throws Error(invalid_input).
void plan_hooks(ProgramBuilder& builder, const char* kind, const std::vector<HookSpec>& hooks,
                HookFiles files);

}  // namespace stack
