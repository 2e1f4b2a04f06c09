// stack-image: the image worker of `stack`. Reads archives (and later registries) in a sandbox and fills the store.
// Speaks JSON lines on standard output (worker_events.hpp); people use `stack image`, which starts it.
#include "runtime/base/error.hpp"
#include "runtime/image/command_words.hpp"
#include "runtime/image/import_command.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace {

using stack::Error;
using stack::ErrorKind;
using stack::image::ImportCommand;

constexpr std::string_view kUsage =
    "usage: stack-image import --root DIR [--select NAME] [--entrypoint CMD] [--cmd CMD] [--env K=V]... "
    "[--label K=V]... "
    "[--expose PORT]... [--workdir DIR] [--user USER] [--stop-signal SIGNAL] NAME SOURCE";

void add_label(ImportCommand& command, const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == 0) throw Error{ErrorKind::invalid_input, fmt::format("label '{}' has no name", text)};
    command.flags.labels[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
}

void add_env(ImportCommand& command, const std::string& text) {
    if (text.find('=') == std::string::npos || text.front() == '=')
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not NAME=value", text)};
    command.flags.env.push_back(text);
}

void add_port(ImportCommand& command, const std::string& text) {
    command.flags.expose.push_back(text.find('/') == std::string::npos ? text + "/tcp" : text);
}

using Setter = std::function<void(ImportCommand&, const std::string&)>;

const std::map<std::string_view, Setter>& flags() {
    using stack::image::command_words;
    static const std::map<std::string_view, Setter> table{
        {"--root", [](auto& command, const auto& value) { command.data_root = value; }},
        {"--select", [](auto& command, const auto& value) { command.select = value; }},
        {"--entrypoint",
         [](auto& command, const auto& value) { command.flags.entrypoint = command_words(value); }},
        {"--cmd", [](auto& command, const auto& value) { command.flags.cmd = command_words(value); }},
        {"--env", add_env},
        {"--label", add_label},
        {"--expose", add_port},
        {"--workdir", [](auto& command, const auto& value) { command.flags.working_dir = value; }},
        {"--user", [](auto& command, const auto& value) { command.flags.user = value; }},
        {"--stop-signal", [](auto& command, const auto& value) { command.flags.stop_signal = value; }},
    };
    return table;
}

[[noreturn]] void bad_usage(std::string message) {
    throw Error{ErrorKind::invalid_input, std::move(message)}.with_hint(std::string{kUsage});
}

ImportCommand parse(const std::vector<std::string>& arguments) {
    ImportCommand command;
    std::vector<std::string> words;
    bool options_ended = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (options_ended || !word.starts_with("--")) {
            words.push_back(word);
        } else if (word == "--") {
            options_ended = true;
        } else {
            const auto flag = flags().find(word);
            if (flag == flags().end()) bad_usage(fmt::format("unknown option '{}'", word));
            if (++i == arguments.size()) bad_usage(fmt::format("option '{}' needs a value", word));
            flag->second(command, arguments[i]);
        }
    }
    if (words.size() != 2) bad_usage("import takes a name and a source");
    if (command.data_root.empty()) bad_usage("--root is missing");
    command.name = words[0];
    command.source = words[1];
    return command;
}

int run(const std::vector<std::string>& arguments, stack::image::EventWriter& events) {
    if (arguments.empty() || arguments.front() != "import") bad_usage("unknown command");
    stack::image::run_import_command(parse({arguments.begin() + 1, arguments.end()}), events);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    stack::image::EventWriter events{STDOUT_FILENO};
    try {
        return run({argv + 1, argv + argc}, events);
    } catch (const Error& error) {
        events.error(error);
        return stack::exit_code(error.kind());
    } catch (const std::exception& error) {
        events.error(Error{ErrorKind::internal, error.what()});
        return stack::exit_code(ErrorKind::internal);
    }
}
