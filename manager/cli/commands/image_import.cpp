// `stack image import`: the worker's verb `import`.
#include "manager/cli/commands/image_commands.hpp"
#include "manager/cli/transfer/run_transfers.hpp"
#include "manager/cli/transfer/worker_command.hpp"
#include "runtime/base/fd.hpp"

#include <unistd.h>

#include <fmt/format.h>

namespace stack::cli {

namespace {

std::vector<std::string> import_arguments(const Context& context, const ImageImportCommand& c) {
    std::vector<std::string> argv = worker_command(context, "import");
    const auto add = [&](const char* flag, const std::string& value) {
        if (!value.empty()) argv.insert(argv.end(), {flag, value});
    };
    add("--select", c.select);
    add("--entrypoint", c.entrypoint);
    add("--cmd", c.command);
    add("--workdir", c.workdir);
    add("--user", c.user);
    add("--stop-signal", c.stop_signal);
    for (const std::string& value : c.env) add("--env", value);
    for (const std::string& value : c.labels) add("--label", value);
    for (const std::string& value : c.expose) add("--expose", value);
    argv.insert(argv.end(), {"--", c.name, c.source});
    return argv;
}

}  // namespace

int run_image_verb(const Context& context, const ImageImportCommand& command) {
    TransferPlan plan;
    plan.verb = {"Importing", "Imported"};
    plan.quiet = command.quiet;
    plan.if_interrupted = "the store is as it was";
    plan.jobs.push_back({{import_arguments(context, command), command.source == "-" ? STDIN_FILENO : -1, -1},
                         fmt::format("Image {}", command.name),
                         fmt::format("cannot import image \"{}\"", command.name)});
    for (const ImageResult& image : run_transfer(context, plan))
        write_all(context.out.fd, image.id + "\n", "stdout");
    return 0;
}

}  // namespace stack::cli
