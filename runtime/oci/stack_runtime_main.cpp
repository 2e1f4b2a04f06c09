// The program `stack-runtime`: an OCI runtime as podman, containerd, docker and people call it.
#include "runtime/base/error.hpp"
#include "runtime/base/version.hpp"
#include "runtime/oci/bundle.hpp"
#include "runtime/oci/command_table.hpp"
#include "runtime/protected_exe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>

#include <fmt/format.h>

namespace {

using namespace stack;
using namespace stack::oci;

/// Something is on descriptors 0 to 2, or files opened later would take their place and get our messages.
void occupy_standard_descriptors() {
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number)
        if (::fcntl(number, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != number) return;
}

void print(const std::string& text) {
    write_all(STDOUT_FILENO, text, "standard output");
}

std::string default_root() {
    const char* runtime_dir = ::getenv("XDG_RUNTIME_DIR");
    if (::geteuid() != 0 && runtime_dir != nullptr) return std::string{runtime_dir} + "/stack-runtime";
    return "/run/stack-runtime";
}

Error invalid_choice(const char* flag, const std::string& value, const char* choices) {
    return Error{ErrorKind::invalid_input,
                 fmt::format("invalid value \"{}\" for flag --{}: {}", value, flag, choices)};
}

RunLog::Level log_level(const Arguments& arguments) {
    if (arguments.on("debug")) return RunLog::Level::debug;
    const std::string word = arguments.has("log-level") ? arguments.text("log-level") : "warning";
    if (word == "debug") return RunLog::Level::debug;
    if (word == "warning") return RunLog::Level::warning;
    if (word == "error") return RunLog::Level::error;
    throw invalid_choice("log-level", word, "debug, warning or error");
}

GlobalOptions global_options(const Arguments& arguments, const std::string& own_name) {
    GlobalOptions options;
    options.root_given = arguments.has("root");
    options.root = options.root_given ? arguments.text("root") : default_root();
    if (options.root.empty()) throw Error{ErrorKind::invalid_input, "--root must not be empty"};
    options.log_file = arguments.text("log");
    options.log_level = log_level(arguments);
    const std::string format = arguments.has("log-format") ? arguments.text("log-format") : "text";
    if (format != "text" && format != "json") throw invalid_choice("log-format", format, "text or json");
    options.log_format = format == "json" ? RunLog::Format::json : RunLog::Format::text;
    const std::string manager =
        arguments.has("cgroup-manager") ? arguments.text("cgroup-manager") : "cgroupfs";
    if (manager != "cgroupfs" && manager != "systemd" && manager != "disabled")
        throw invalid_choice("cgroup-manager", manager, "cgroupfs, systemd or disabled");
    options.systemd_cgroup = arguments.on("systemd-cgroup") || manager == "systemd";
    options.own_name = own_name;
    options.cgroups = manager != "disabled";
    const std::string rootless = arguments.has("rootless") ? arguments.text("rootless") : "auto";
    if (rootless != "auto" && rootless != "true" && rootless != "false")
        throw invalid_choice("rootless", rootless, "true, false or auto");
    options.rootless = rootless == "true" || (rootless == "auto" && ::geteuid() != 0);
    return options;
}

std::string version_text() {
    return fmt::format("stack-runtime version {}\ncommit: {}\nspec: 1.3.0\n", kVersion, kVersion);
}

std::string sentence_of(const std::exception& problem) {
    const auto* error = dynamic_cast<const Error*>(&problem);
    if (error == nullptr || error->hint().empty()) return problem.what();
    return fmt::format("{} ({})", problem.what(), error->hint());
}

// To the log that the flags name, whatever else is wrong with them: callers look for the reason nowhere else.
void report(const Arguments& globals, const std::exception& problem) {
    const RunLog::Format format =
        globals.text("log-format") == "json" ? RunLog::Format::json : RunLog::Format::text;
    try {
        RunLog{globals.text("log"), format, RunLog::Level::error}.error(sentence_of(problem));
    } catch (const Error&) {  // it can't be opened
        RunLog{"", format, RunLog::Level::error}.error(sentence_of(problem));
    }
}

// The flags in front of the first one that is wrong.
Arguments global_flags_before_a_fault(std::vector<std::string> words) {
    for (;; words.pop_back()) {
        try {
            return parse_flags(global_flags(), words, 1);
        } catch (const Error&) {  // never without words
        }
    }
}

Arguments command_arguments(const Command& command, const std::vector<std::string>& words) {
    Arguments arguments = parse_flags(command.flags, words, command.words_before_rest);
    const std::size_t count = arguments.words.size();
    const char* bound = command.least == command.most ? "exactly"
                        : count > command.most        ? "at most"
                                                      : "at least";
    if (count < command.least || count > command.most)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("\"stack-runtime {}\" requires {} {} argument(s)", command.name, bound,
                                count > command.most ? command.most : command.least)}
            .with_hint(fmt::format("usage: stack-runtime {} {}", command.name, command.arguments));
    return arguments;
}

bool asks_for_help(const std::vector<std::string>& words) {
    return !words.empty() && (words[0] == "--help" || words[0] == "-h");
}

int run_command(const Command& command, const Arguments& globals, const std::vector<std::string>& words,
                const std::vector<std::string>& argv) {
    // Before anything is done or opened: a container must not be able to write to our file (CVE-2019-5736).
    if (command.starts_processes && !runs_protected()) exec_protected(argv);
    const Arguments arguments = command_arguments(command, words);
    // Before the log is opened, which could otherwise take the place of a descriptor that is to be passed on.
    if (command.starts_processes)
        keep_descriptors(static_cast<int>(arguments.number("preserve-fds").value_or(0)) + listen_fds());
    Program program{global_options(globals, argv[0])};
    return command.run(program, arguments);
}

int run_command_line(const Arguments& globals, const std::vector<std::string>& argv) {
    const std::string& name = globals.words[0];
    const Command* command = find_command(name);
    if (command == nullptr) {
        write_all(STDERR_FILENO, fmt::format("No help topic for '{}'\n", name), "standard error");
        return 3;
    }
    const std::vector<std::string> words(globals.words.begin() + 1, globals.words.end());
    if (asks_for_help(words)) {
        print(command_text(*command));
        return 0;
    }
    try {
        return run_command(*command, globals, words, argv);
    } catch (const std::exception& problem) {
        report(globals, problem);
        return command->failure;
    }
}

int run_program(const std::vector<std::string>& argv) {
    const std::vector<std::string> words(argv.begin() + 1, argv.end());
    Arguments globals;
    try {
        globals = parse_flags(global_flags(), words, 1);
    } catch (const Error& error) {
        report(global_flags_before_a_fault(words), error);
        return 1;
    }
    if (globals.on("version") || (!globals.words.empty() && globals.words[0] == "version")) {
        print(version_text());
        return 0;
    }
    const bool help = !globals.words.empty() && (globals.words[0] == "help" || globals.words[0] == "h");
    if (globals.on("help") || globals.words.empty() || (help && globals.words.size() == 1)) {
        print(overview_text());
        return 0;
    }
    if (!help) return run_command_line(globals, argv);
    const Command* command = find_command(globals.words[1]);
    if (command == nullptr) {
        write_all(STDERR_FILENO, fmt::format("No help topic for '{}'\n", globals.words[1]), "standard error");
        return 3;
    }
    print(command_text(*command));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    occupy_standard_descriptors();
    try {
        return run_program({argv, argv + argc});
    } catch (const std::exception& error) {  // before there is a command: help that can't be printed
        const std::string text = std::string{error.what()} + "\n";
        static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
        return 1;
    }
}
