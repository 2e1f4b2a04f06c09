// Writes container log lines for people: prefix with the container's short name, padded to the longest, in a
// colour of its own; every line in one write, so that lines of several containers never mix. Pure formatting
// plus one write.
#pragma once

#include "manager/cli/options.hpp"

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace stack::cli {

/// Prefix name of a container: without `<project>-`, or the whole name when container_name was set.
std::string log_name(const std::string& project, const std::string& service, int number,
                     const std::string& name);

class LogFormatter {
  public:
    explicit LogFormatter(LogStyle style) : style_{style} {}
    /// Announces a container: gives it the next colour and widens the prefix column. Twice is fine.
    void add(const std::string& name);
    /// One line (no newline in it) ready to write, newline included.
    [[nodiscard]] std::string line(const std::string& name, std::string_view text,
                                   std::chrono::system_clock::time_point time);
    /// `web-1 exited with code 3 (restarting)`, newline included.
    [[nodiscard]] std::string exit_line(const std::string& name, int exit_code, bool restarting) const;

  private:
    struct Member {
        std::string prefix;  ///< made for the present width
        std::size_t index = 0;
    };
    void rebuild_prefix(const std::string& name, Member& member) const;
    LogStyle style_;
    std::map<std::string, Member> members_;
    std::size_t width_ = 0;
};

}  // namespace stack::cli
