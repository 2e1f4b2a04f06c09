// `stack image load`, `save` and `export`: archives in and out. The worker reads and writes them.
#include "manager/cli/commands/image_commands.hpp"
#include "manager/cli/output_file.hpp"
#include "manager/cli/transfer/run_transfers.hpp"
#include "manager/cli/transfer/worker_command.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"

#include <unistd.h>

#include <fmt/format.h>

namespace stack::cli {

namespace {

/// `fact`, or stdin and stdout where no file was named.
std::string archive_name(const std::string& file, const char* otherwise) {
    return fmt::format("Archive {}", file.empty() || file == "-" ? otherwise : file);
}

/// A worker that writes into what `-o` names, or into stdout.
int write_archive(const Context& context, std::vector<std::string> argv,
                  const std::vector<std::string>& names, const std::string& output, const char* verb) {
    OutputFile file{output, context.out.fd};
    argv.insert(argv.end(), {"--output-fd", std::to_string(kWorkerOutput), "--"});
    argv.insert(argv.end(), names.begin(), names.end());
    TransferPlan plan;
    plan.verb = {"Writing", "Written"};
    plan.if_interrupted = "the archive is not whole";
    plan.jobs.push_back({{std::move(argv), -1, file.fd()},
                         archive_name(output, "stdout"),
                         fmt::format("cannot {} {}", verb, join(names, ", "))});
    run_transfer(context, plan);
    file.keep();
    return 0;
}

}  // namespace

int run_image_verb(const Context& context, const ImageLoadCommand& command) {
    const bool from_stdin = command.input == "-";
    if (from_stdin && ::isatty(STDIN_FILENO) == 1)
        throw Error{ErrorKind::invalid_input, "there is no archive on standard input"}.with_hint(
            "name one with -i, or redirect the input");
    TransferPlan plan;
    plan.verb = {"Loading", "Loaded"};
    plan.quiet = command.quiet;
    plan.if_interrupted = "images that were complete are there";
    std::vector<std::string> argv = worker_command(context, "load");
    argv.insert(argv.end(), {"--", command.input});
    plan.jobs.push_back({{std::move(argv), from_stdin ? STDIN_FILENO : -1, -1},
                         archive_name(command.input, "stdin"),
                         fmt::format("cannot load {}", from_stdin ? "from standard input" : command.input)});
    for (const ImageResult& image : run_transfer(context, plan)) {
        const std::string line = image.reference.empty() ? fmt::format("Loaded image ID: {}\n", image.id)
                                                         : fmt::format("Loaded image: {}\n", image.reference);
        write_all(context.out.fd, line, "stdout");
    }
    return 0;
}

int run_image_verb(const Context& context, const ImageSaveCommand& command) {
    std::vector<std::string> argv = worker_command(context, "save");
    argv.insert(argv.end(), {"--format", command.format});
    return write_archive(context, std::move(argv), command.names, command.output, "save");
}

int run_image_verb(const Context& context, const ImageExportCommand& command) {
    return write_archive(context, worker_command(context, "export"), {command.name}, command.output,
                         "export");
}

}  // namespace stack::cli
