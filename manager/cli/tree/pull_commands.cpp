// Commands on the images of a project: pull, push, images.
#include "manager/cli/tree/entry.hpp"
#include "manager/cli/tree/flags.hpp"

#include <memory>

#include <CLI/App.hpp>

namespace stack::cli::tree {

namespace {

Finish define_pull(CLI::App& app, GlobalOptions& globals) {
    auto c = std::make_shared<PullCommand>();
    choice(app, "--policy", c->policy, {"always", "missing"}, "Instead of what the services say");
    flag(app, "--include-deps", c->include_deps, "Also what the named services depend on");
    flag(app, "--ignore-buildable", c->ignore_buildable, "Leave out images that can be built");
    flag(app, "--ignore-pull-failures", c->ignore_failures, "Failures are only warnings");
    flag(app, "-q,--quiet", c->quiet, "No progress");
    dry_run(app, globals);
    for (const char* name : {"--parallel", "--no-parallel"}) ignored_flag(app, name);
    services(app, c->services);
    return finish(c);
}

Finish define_push(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<PushCommand>();
    flag(app, "--include-deps", c->include_deps, "Also what the named services depend on");
    flag(app, "--ignore-push-failures", c->ignore_failures, "Failures are only warnings");
    flag(app, "-q,--quiet", c->quiet, "No progress");
    services(app, c->services);
    return finish(c);
}

Finish define_images(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImagesCommand>();
    choice(app, "--format", c->format, {"table", "json"}, "Layout");
    flag(app, "-q,--quiet", c->quiet, "Only the ids");
    services(app, c->services);
    return finish(c);
}

constexpr Entry kPullCommands[] = {
    {"pull", kProjectImages, "[FLAGS] [SERVICE...]", "Fetch the images of services",
     "What is here already and is still the newest is left as it is: one request an image tells.",
     define_pull},
    {"push", kProjectImages, "[FLAGS] [SERVICE...]", "Send images of services to their registries",
     "Without names: the images of services that are built.", define_push},
    {"images", kProjectImages, "[FLAGS] [SERVICE...]", "List the images of a project's containers", "",
     define_images},
};

}  // namespace

std::span<const Entry> pull_commands() {
    return kPullCommands;
}

}  // namespace stack::cli::tree
