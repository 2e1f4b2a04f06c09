// The program `stack`: builds what the commands need and calls one of them. Also the supervisor's process, which the
// keeper starts as `stack supervise`.
#include "manager/cli/command_line.hpp"
#include "manager/cli/commands.hpp"
#include "manager/cli/diagnostics.hpp"
#include "manager/cli/environment_flags.hpp"
#include "manager/cli/loading.hpp"
#include "manager/supervisor/supervise.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/protected_exe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace {

using namespace stack;
using namespace stack::cli;

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

int run(const Context& context, const Command& command) {
    return std::visit(Overloaded{[&](const UpCommand& c) { return run_up(context, c); },
                                 [&](const DownCommand& c) { return run_down(context, c); },
                                 [&](const SelectCommand& c) { return run_select(context, c); },
                                 [&](const PsCommand& c) { return run_ps(context, c); },
                                 [&](const LogsCommand& c) { return run_logs(context, c); },
                                 [&](const ExecCommand& c) { return run_exec(context, c); },
                                 [&](const ConfigCommand& c) { return run_config(context, c); },
                                 [&](const LsCommand& c) { return run_ls(context, c); },
                                 [&](const PullCommand& c) { return run_pull(context, c); },
                                 [&](const PushCommand& c) { return run_push(context, c); },
                                 [&](const ImagesCommand& c) { return run_images(context, c); },
                                 [&](const ImageCommand& c) { return run_image(context, c); },
                                 [&](const LoginCommand& c) { return run_login(context, c); },
                                 [&](const LogoutCommand& c) { return run_logout(context, c); },
                                 [&](const DfCommand& c) { return run_df(context, c); },
                                 [&](const GcCommand& c) { return run_gc(context, c); },
                                 [&](const VolumeCommand& c) { return run_volume(context, c); },
                                 [&](const VolumesCommand& c) { return run_volumes(context, c); },
                                 [&](const VersionCommand& c) { return run_version(context, c); }},
                      command);
}

/// `stack supervise --root DIR --run-root DIR --project NAME --init FILE --systemd FILE [--verbose]`: written by ensure_supervisor, not by people.
int supervise(const std::vector<std::string>& words) {
    std::string root, run_root, project, init, systemd;
    bool verbose = false;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const bool has_value = i + 1 < words.size();
        if (words[i] == "--root" && has_value)
            root = words[++i];
        else if (words[i] == "--run-root" && has_value)
            run_root = words[++i];
        else if (words[i] == "--project" && has_value)
            project = words[++i];
        else if (words[i] == "--init" && has_value)
            init = words[++i];
        else if (words[i] == "--systemd" && has_value)
            systemd = words[++i];
        else if (words[i] == "--verbose")
            verbose = true;
        else
            throw Error{ErrorKind::invalid_input,
                        fmt::format("supervise: unexpected argument '{}'", words[i])};
    }
    if (project.empty()) throw Error{ErrorKind::invalid_input, "supervise: --project is missing"};
    if (!runs_protected()) {
        std::vector<std::string> argv{"stack"};
        argv.insert(argv.end(), words.begin(), words.end());
        exec_protected(argv);
    }
    engine::Paths paths = engine::find_paths(root, run_root);
    paths.init = init;  // a protected program has no place of its own to look beside
    paths.systemd = systemd;
    return supervisor::run_supervisor(paths, project, verbose);
}

/// Something is on descriptors 0 to 2, or files opened later would take their place and get our messages.
void occupy_standard_descriptors() {
    for (;;) {
        UniqueFd fd{::open("/dev/null", O_RDWR)};
        if (fd.get() > STDERR_FILENO || !fd.valid()) return;
        static_cast<void>(fd.release());
    }
}

int run_invocation(const Invocation& invocation) {
    const GlobalOptions& globals = invocation.globals;
    Context context{globals, engine::find_paths(globals.root, globals.run_root),
                    look_at_terminal(STDOUT_FILENO, globals.ansi),
                    look_at_terminal(STDERR_FILENO, globals.ansi)};
    try {
        return run(context, invocation.command);
    } catch (const AlreadyReported& reported) {
        return reported.exit_code;
    } catch (const Error& error) {
        report_error(context, error);
        return exit_code(error.kind());
    }
}

int run_program(const std::vector<std::string>& words) {
    if (!words.empty() && words.front() == "supervise") return supervise(words);
    const ParsedCommandLine parsed = parse_command_line(words);
    if (const auto* text = std::get_if<Text>(&parsed)) {
        write_all(STDOUT_FILENO, text->text, "stdout");
        return 0;
    }
    if (const auto* wrong = std::get_if<UsageError>(&parsed)) {
        Error error{ErrorKind::invalid_input, wrong->message};
        if (!wrong->hint.empty()) error.with_hint(wrong->hint);
        const bool colour = look_at_terminal(STDERR_FILENO, AnsiMode::automatic).colour;
        write_all(STDERR_FILENO, render_error(error, colour), "stderr");
        return wrong->exit_code;
    }
    Invocation invocation = std::get<Invocation>(parsed);
    apply_environment(invocation, steering_variables(invocation.globals));
    return run_invocation(invocation);
}

}  // namespace

int main(int argc, char** argv) {
    occupy_standard_descriptors();
    try {
        return run_program({argv + 1, argv + argc});
    } catch (const stack::Error& error) {
        try {
            stack::write_all(STDERR_FILENO, stack::cli::render_error(error, false), "stderr");
        } catch (const stack::Error&) {  // nobody to tell
        }
        return stack::exit_code(error.kind());
    } catch (const std::exception& error) {
        static_cast<void>(!::write(STDERR_FILENO, "error: ", 7));
        const std::string text = std::string{error.what()} + "\n";
        static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
        return stack::exit_code(stack::ErrorKind::internal);
    }
}
