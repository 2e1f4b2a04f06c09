// stack-image: the image worker of `stack`. Reads archives and what registries send in a sandbox and fills the store.
// Speaks JSON lines on standard output (worker_events.hpp); people use `stack image`, which starts it.
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/export_command.hpp"
#include "runtime/image/import_command.hpp"
#include "runtime/image/load_command.hpp"
#include "runtime/image/pull_command.hpp"
#include "runtime/image/push_command.hpp"
#include "runtime/image/registry/login_command.hpp"
#include "runtime/image/save_command.hpp"
#include "runtime/image/worker_events.hpp"

#include <unistd.h>

#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace {

using stack::Error;
using stack::ErrorKind;
using stack::image::EventWriter;

struct Verb {
    std::string_view name;
    /// Gets the words after the verb. Throws Error.
    void (*run)(const std::vector<std::string>& words, EventWriter& events);
};

constexpr Verb kVerbs[] = {
    {"import", stack::image::import_verb}, {"load", stack::image::load_verb},
    {"save", stack::image::save_verb},     {"export", stack::image::export_verb},
    {"pull", stack::image::pull_verb},     {"push", stack::image::push_verb},
    {"login", stack::image::login_verb},   {"logout", stack::image::logout_verb},
};

void run(const std::vector<std::string>& words, EventWriter& events) {
    std::vector<std::string> names;
    for (const Verb& verb : kVerbs) {
        if (!words.empty() && words.front() == verb.name)
            return verb.run({words.begin() + 1, words.end()}, events);
        names.emplace_back(verb.name);
    }
    throw Error{ErrorKind::invalid_input,
                words.empty() ? std::string{"which verb?"} : fmt::format("unknown verb '{}'", words.front())}
        .with_hint(fmt::format("usage: stack-image {} …", stack::join(names, "|")));
}

}  // namespace

int main(int argc, char** argv) {
    EventWriter events{STDOUT_FILENO};
    try {
        run({argv + 1, argv + argc}, events);
        return 0;
    } catch (const Error& error) {
        events.error(error);
        return stack::exit_code(error.kind());
    } catch (const std::exception& error) {
        events.error(Error{ErrorKind::internal, error.what()});
        return stack::exit_code(ErrorKind::internal);
    }
}
