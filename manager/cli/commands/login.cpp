// `stack login` and `stack logout`: asks for what is missing; the worker checks, keeps and forgets.
#include "manager/cli/commands.hpp"
#include "manager/cli/diagnostics.hpp"
#include "manager/cli/prompt.hpp"
#include "manager/cli/transfer/run_transfers.hpp"
#include "manager/cli/transfer/worker_command.hpp"
#include "runtime/base/fd.hpp"

#include <unistd.h>

#include <utility>

#include <fmt/format.h>

namespace stack::cli {

namespace {

constexpr std::size_t kMaxSecretBytes = 32u << 10;
constexpr const char* kDefaultRegistry = "docker.io";
constexpr const char* kWithoutTerminal =
    "use --username NAME --password-stdin, and send the password to stdin";

std::string registry_or_default(const std::string& registry) {
    return registry.empty() ? kDefaultRegistry : registry;
}

std::string secret_of(const Context& context, const LoginCommand& command) {
    if (command.password_stdin) {
        std::string secret = read_all(STDIN_FILENO, "the password", kMaxSecretBytes);
        while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
        if (secret.empty()) throw Error{ErrorKind::invalid_input, "there is no password on standard input"};
        return secret;
    }
    if (command.password.empty()) return ask("Password: ", true, kWithoutTerminal);
    write_all(
        context.err.fd,
        render_warning("a password on the command line can be read by other users; use --password-stdin",
                       context.err.colour),
        "stderr");
    return command.password;
}

/// Runs the worker with `secret` as its stdin: never in its arguments, which others can read.
void run_silently(const Context& context, std::vector<std::string> argv, const std::string& secret,
                  std::string purpose) {
    Pipe pipe = make_pipe();
    // A pipe takes 64 KiB without a reader, which is more than a secret has.
    write_all(pipe.write.get(), secret, "the worker's standard input");
    pipe.write.reset();
    TransferPlan plan;
    plan.quiet = true;
    plan.if_interrupted = "nothing was kept";
    plan.jobs.push_back({{std::move(argv), pipe.read.get(), -1}, "Login", std::move(purpose)});
    run_transfer(context, plan);
}

}  // namespace

int run_login(const Context& context, const LoginCommand& command) {
    const std::string registry = registry_or_default(command.registry);
    std::vector<std::string> argv = registry_command(context, "login");
    const std::string user = command.user.empty() ? ask("Username: ", false, kWithoutTerminal) : command.user;
    const std::string secret = secret_of(context, command);
    argv.insert(argv.end(), {"--user", user, "--", registry});
    run_silently(context, std::move(argv), secret, fmt::format("cannot log in to {}", registry));
    write_all(context.out.fd, "Login Succeeded\n", "stdout");
    return 0;
}

int run_logout(const Context& context, const LogoutCommand& command) {
    const std::string registry = registry_or_default(command.registry);
    std::vector<std::string> argv = worker_command(context, "logout");
    argv.insert(argv.end(), {"--", registry});
    run_silently(context, std::move(argv), {}, fmt::format("cannot log out of {}", registry));
    write_all(context.out.fd, fmt::format("Removed the credentials for {}\n", registry), "stdout");
    return 0;
}

}  // namespace stack::cli
