#include "runtime/hook_plan.hpp"

#include "runtime/hooks.hpp"

#include <fmt/format.h>

namespace stack {

bool has_create_hooks(const ContainerSpec& spec) {
    return !spec.hooks.prestart.empty() || !spec.hooks.create_runtime.empty() ||
           !spec.hooks.create_container.empty();
}

HookFiles plan_hook_files(ProgramBuilder& builder) {
    builder.purpose("preparing the hooks");
    const HookFiles files{builder.new_slot("state"), builder.new_slot("hook-output")};
    builder.add(step::KeepState{files.state, files.output});
    return files;
}

void plan_hooks(ProgramBuilder& builder, const char* kind, const std::vector<HookSpec>& hooks,
                HookFiles files) {
    for (std::size_t i = 0; i < hooks.size(); ++i) {
        check_hook(hooks[i], kind, i);
        builder.purpose(hook_purpose(kind, i));
        builder.add(step::RunHook{hooks[i], files.state, files.output});
    }
}

}  // namespace stack
