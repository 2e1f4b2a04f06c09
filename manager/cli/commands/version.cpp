#include "runtime/base/version.hpp"

#include "manager/cli/commands.hpp"
#include "runtime/base/fd.hpp"

#include <fmt/format.h>

namespace stack::cli {

int run_version(const Context& context, const VersionCommand& command) {
    std::string text = fmt::format("stack version {}\n", kVersion);
    if (command.is_short)
        text = fmt::format("{}\n", kVersion);
    else if (command.format == "json")
        text = fmt::format("{{\"version\":\"{}\"}}\n", kVersion);
    write_all(context.out.fd, text, "stdout");
    return 0;
}

}  // namespace stack::cli
