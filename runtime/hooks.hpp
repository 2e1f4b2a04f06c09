// Hooks in the runtime's namespaces: prestart, createRuntime, poststart and poststop (config.md, "POSIX-platform
// Hooks"). Those inside the container are steps of its InitProgram (hook_plan.hpp). Both say the same when one fails.
#pragma once

#include "runtime/base/error.hpp"
#include "runtime/container_spec.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// What a hook has to say counts up to here; more of it is an error of the hook's own write.
inline constexpr std::size_t kHookOutputSize = 64 * 1024;
/// The largest state document a hook is given.
inline constexpr std::size_t kMaxHookState = 64 * 1024;

/// Runs them in order with `state_json` on standard input, each to its end. `kind` is the specification's name of the
/// list. Throws Error for the first one that fails: `error running createRuntime hook #1: exit status 2: what it said`,
/// counted from 0; a hook that runs longer than its timeout is killed. Blocks.
void run_hooks(std::string_view kind, const std::vector<HookSpec>& hooks, std::string_view state_json);

/// Throws Error(invalid_input) when the path is not absolute or the timeout is not above 0.
void check_hook(const HookSpec& hook, std::string_view kind, std::size_t index);
/// `error running createRuntime hook #1`
std::string hook_purpose(std::string_view kind, std::size_t index);
/// The fact behind a raw wait status other than 0, and the end of what the hook has written.
Error hook_failure(int wait_status, std::string_view output);
/// The fact behind a hook that was killed because its time was up.
Error hook_timeout(const HookSpec& hook);

}  // namespace stack
