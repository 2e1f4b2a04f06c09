#include "manager/cli/environment_flags.hpp"

#include "manager/cli/command_tree.hpp"
#include "manager/compose/discovery.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <fmt/format.h>

namespace stack::cli {

namespace {

class EnvironmentFlags {
  public:
    explicit EnvironmentFlags(const std::map<std::string, std::string>& variables) : variables_{variables} {}

    void apply(GlobalOptions& globals) const {
        if (globals.ansi == AnsiMode::automatic) globals.ansi = as_flag("COMPOSE_ANSI", "--ansi").ansi;
        if (globals.progress == ProgressMode::automatic)
            globals.progress = as_flag("COMPOSE_PROGRESS", "--progress").progress;
        if (globals.parallel == 0)
            globals.parallel = as_flag("COMPOSE_PARALLEL_LIMIT", "--parallel").parallel;
        globals.offline |= is_on("STACK_OFFLINE");
    }

    void apply(UpCommand& command) const {
        plan::UpOptions& options = command.options;
        options.remove_orphans |= is_on("COMPOSE_REMOVE_ORPHANS");
        options.ignore_orphans = is_on("COMPOSE_IGNORE_ORPHANS");
        if (options.remove_orphans && options.ignore_orphans)
            throw Error{ErrorKind::invalid_input,
                        "COMPOSE_IGNORE_ORPHANS and --remove-orphans exclude each other"};
    }
    void apply(DownCommand& command) const {
        command.options.remove_orphans |= is_on("COMPOSE_REMOVE_ORPHANS");
    }

  private:
    [[nodiscard]] std::string value_of(const char* name) const {
        const auto found = variables_.find(name);
        return found == variables_.end() ? std::string{} : found->second;
    }

    // What the flag would say with that value.
    [[nodiscard]] GlobalOptions as_flag(const char* name, const char* flag) const {
        const std::string value = value_of(name);
        if (value.empty()) return {};
        auto parsed = parse_globals({fmt::format("{}={}", flag, value)});
        if (auto* options = std::get_if<GlobalOptions>(&parsed)) return std::move(*options);
        const std::string& message = std::get<ParseFailure>(parsed).message;  // "--flag: why not"
        throw Error{ErrorKind::invalid_input,
                    fmt::format("{}: {}", name, message.substr(message.find(' ') + 1))};
    }

    [[nodiscard]] bool is_on(const char* name) const { return compose::is_switched_on(variables_, name); }

    const std::map<std::string, std::string>& variables_;
};

}  // namespace

void apply_environment(Invocation& invocation, const std::map<std::string, std::string>& variables) {
    const EnvironmentFlags flags{variables};
    flags.apply(invocation.globals);
    if (auto* up = std::get_if<UpCommand>(&invocation.command)) flags.apply(*up);
    if (auto* down = std::get_if<DownCommand>(&invocation.command)) flags.apply(*down);
}

}  // namespace stack::cli
