// Flags of one command, as callers of OCI runtimes write them: `--name value`, `--name=value`, `-n value`, and one dash
// before a long name as well. What a command has stands in a table (command_table.hpp), from which help is made too.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stack::oci {

struct Flag {
    const char* name;   ///< without dashes
    char letter;        ///< 0: none
    const char* value;  ///< what help calls it; nullptr: a switch
    const char* help;
};

class Arguments {
  public:
    std::vector<std::string> words;  ///< what is no flag, in order

    [[nodiscard]] bool has(std::string_view name) const { return values_.contains(std::string{name}); }
    /// The last one given; empty when none was.
    [[nodiscard]] std::string text(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
    /// Throws Error(invalid_input) for what is no whole number of at least `least`.
    [[nodiscard]] std::optional<long long> number(std::string_view name, long long least = 0) const;
    /// `--name=false` counts as not given.
    [[nodiscard]] bool on(std::string_view name) const;

    void add(const std::string& name, const std::string& value) { values_[name].push_back(value); }

  private:
    std::map<std::string, std::vector<std::string>> values_;
};

/// Takes flags off `words` until the end, or until word number `words_before_rest` that is none: all from there on belong
/// to another program. Throws Error(invalid_input) for an unknown flag or a missing value.
Arguments parse_flags(std::span<const Flag> flags, const std::vector<std::string>& words,
                      std::size_t words_before_rest = SIZE_MAX);

/// One line a flag, for help.
std::string flags_text(std::span<const Flag> flags);

}  // namespace stack::oci
