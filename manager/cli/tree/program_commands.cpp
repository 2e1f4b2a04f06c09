// Commands on this program: version.
#include "manager/cli/tree/entry.hpp"
#include "manager/cli/tree/flags.hpp"

#include <memory>

#include <CLI/App.hpp>

namespace stack::cli::tree {

namespace {

Finish define_version(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<VersionCommand>();
    flag(app, "--short", c->is_short, "Only the number");
    choice(app, "--format", c->format, {"pretty", "json"}, "Layout");
    return finish(c);
}

constexpr Entry kProgramCommands[] = {
    {"version", kProgram, "[FLAGS]", "Print the version", "", define_version},
};

}  // namespace

std::span<const Entry> program_commands() {
    return kProgramCommands;
}

}  // namespace stack::cli::tree
