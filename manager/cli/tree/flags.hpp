// Small helpers over CLI11, so that a command's definition reads like its help text. What a flag sets has to
// outlive the parser.
#pragma once

#include "manager/cli/options.hpp"
#include "manager/cli/tree/entry.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace stack::cli::tree {

CLI::Option* text(CLI::App& app, const char* names, std::string& into, const char* value, const char* help);
/// May be given several times, one value each.
CLI::Option* list(CLI::App& app, const char* names, std::vector<std::string>& into, const char* value,
                  const char* help);
CLI::Option* flag(CLI::App& app, const char* names, bool& into, const char* help);
/// A flag that turns `into` off.
CLI::Option* flag_off(CLI::App& app, const char* names, bool& into, const char* help);
/// Accepted for habit's sake, does nothing here.
void ignored_flag(CLI::App& app, const char* names);
CLI::Option* choice(CLI::App& app, const char* name, std::string& into, std::vector<std::string> words,
                    const char* help);
/// Whole seconds from 0.
CLI::Option* seconds(CLI::App& app, const char* names, std::optional<std::chrono::seconds>& into,
                     const char* help);
CLI::Option* seconds(CLI::App& app, const char* names, std::optional<std::chrono::nanoseconds>& into,
                     const char* help);
/// A whole number from `least` to a million.
CLI::Option* number(CLI::App& app, const char* name, int& into, int least, const char* help);

/// `[SERVICE...]`
void services(CLI::App& app, std::vector<std::string>& into);
void services(CLI::App& app, std::set<std::string>& into);
void log_style(CLI::App& app, LogStyle& style);
void dry_run(CLI::App& app, GlobalOptions& globals);

/// For use while flags are read and by a Finish: the command line is wrong, `message` says why.
[[noreturn]] void bad_value(const char* name, const std::string& message);

/// Draft of a command and the function that hands it out: both live as long as the Finish.
template <class T>
Finish finish(std::shared_ptr<T> draft) {
    return [draft] { return Command{*draft}; };
}

}  // namespace stack::cli::tree
