#include "manager/cli/transfer/worker_command.hpp"

#include "manager/cli/loading.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <fmt/format.h>

namespace stack::cli {

std::vector<std::string> worker_command(const Context& context, const std::string& verb) {
    return {context.paths.image_worker, verb, "--root", context.paths.data_root};
}

std::vector<std::string> registry_command(const Context& context, const std::string& verb) {
    if (context.globals.offline)
        throw Error{ErrorKind::not_supported,
                    fmt::format("{} needs a registry, and none is to be asked", verb)}
            .with_hint("leave out --offline, and unset STACK_OFFLINE");
    const std::map<std::string, std::string> environment = shell_environment();
    const settings::Loaded loaded = settings::load(settings::file_names(environment));
    if (!loaded.diagnostics.empty())
        write_all(context.err.fd, compose::render(loaded.diagnostics, loaded.sources, context.err.colour),
                  "stderr");
    if (compose::has_errors(loaded.diagnostics)) throw AlreadyReported{};
    std::vector<std::string> argv = worker_command(context, verb);
    const std::vector<std::string> flags =
        registry_flags(loaded.settings, settings::user_directory(environment));
    argv.insert(argv.end(), flags.begin(), flags.end());
    return argv;
}

WorkerJob pull_job(const std::vector<std::string>& command, const PullRequest& request) {
    std::vector<std::string> argv = command;
    if (!request.platform.empty()) argv.insert(argv.end(), {"--platform", request.platform});
    argv.insert(argv.end(), {"--policy", request.policy, "--", request.reference});
    return {{std::move(argv), -1, -1},
            fmt::format("Image {}", request.reference),
            fmt::format("cannot pull image \"{}\"", request.reference)};
}

WorkerJob push_job(const std::vector<std::string>& command, const std::string& reference) {
    std::vector<std::string> argv = command;
    argv.insert(argv.end(), {"--", reference});
    return {{std::move(argv), -1, -1},
            fmt::format("Image {}", reference),
            fmt::format("cannot push image \"{}\"", reference)};
}

std::vector<std::string> registry_flags(const settings::Settings& settings,
                                        const std::string& configuration_directory) {
    std::vector<std::string> flags;
    const auto add = [&](const char* flag, const std::string& value) {
        flags.insert(flags.end(), {flag, value});
    };
    if (!configuration_directory.empty()) add("--config-dir", configuration_directory);
    for (const auto& [name, registry] : settings.registries) {
        for (const std::string& mirror : registry.mirrors)
            add("--mirror", fmt::format("{}={}", name, mirror));
        if (registry.insecure) add("--insecure", name);
    }
    return flags;
}

}  // namespace stack::cli
