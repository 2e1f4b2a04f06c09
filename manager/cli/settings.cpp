#include "manager/cli/settings.hpp"

#include "runtime/base/text.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace stack::cli {

namespace {

struct Setting {
    const char* variable;
    const char* flag;
    bool is_switch;
};
constexpr Setting kSettings[] = {
    {"COMPOSE_ANSI", "--ansi", false},
    {"COMPOSE_PROGRESS", "--progress", false},
    {"COMPOSE_PARALLEL_LIMIT", "--parallel", false},
    {"COMPOSE_REMOVE_ORPHANS", "--remove-orphans", true},
};

bool is_true(const Setting& setting, const std::string& value) {
    const std::string word = to_lower(value);
    if (word == "true" || word == "t" || word == "1") return true;
    if (word == "false" || word == "f" || word == "0") return false;
    throw CLI::ValidationError(setting.variable, fmt::format("must be true or false, not '{}'", value));
}

}  // namespace

void apply_settings(CLI::App& app) {
    for (const Setting& setting : kSettings) {
        const char* value = std::getenv(setting.variable);
        CLI::Option* option = app.get_option_no_throw(setting.flag);
        if (!option || option->count() > 0 || !value || *value == '\0') continue;
        if (setting.is_switch && !is_true(setting, value)) continue;
        option->add_result(setting.is_switch ? "true" : value);
        try {
            option->run_callback();
        } catch (const CLI::ParseError& error) {
            const std::string_view message = error.what();  // "--flag: why not"
            throw CLI::ValidationError(setting.variable, std::string{message.substr(message.find(' ') + 1)});
        }
    }
}

}  // namespace stack::cli
