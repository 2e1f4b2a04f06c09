// `stack image …`: on to the function of the command that was given.
#include "manager/cli/commands/image_commands.hpp"

#include <variant>

namespace stack::cli {

int run_image(const Context& context, const ImageCommand& command) {
    return std::visit([&](const auto& verb) { return run_image_verb(context, verb); }, command);
}

}  // namespace stack::cli
