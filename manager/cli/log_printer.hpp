// Writes container log lines for people: prefix with the container's short name, padded to the longest, in a colour
// of its own. Lines are gathered and written whole, so that lines of several containers never mix.
#pragma once

#include "manager/cli/options.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stack::cli {

/// Prefix name of a container: without `<project>-`, or the whole name when container_name was set.
std::string log_name(const std::string& project, const std::string& service, int number,
                     const std::string& name);

class LogFormatter {
  public:
    explicit LogFormatter(LogStyle style) : style_{style} {}
    /// Announces a container: gives it the next colour and widens the prefix column. The same name gives the same
    /// index again.
    std::size_t add(const std::string& name);
    /// Appends `text` (no newline in it) as a line of container `member`.
    void append(std::string& into, std::size_t member, std::string_view text, std::int64_t time_ns) const;
    /// `web-1 exited with code 3 (restarting)`, newline included.
    [[nodiscard]] std::string exit_line(std::size_t member, int exit_code, bool restarting) const;
    [[nodiscard]] const std::string& name(std::size_t member) const { return members_.at(member).name; }

  private:
    struct Member {
        std::string name;
        std::string prefix;  ///< made for the present width
    };
    void rebuild_prefix(std::size_t member);
    LogStyle style_;
    std::vector<Member> members_;
    std::map<std::string, std::size_t> index_;
    std::size_t width_ = 0;
};

/// Gathers text for stdout and stderr, keeps the order between the two, and writes in large pieces.
class LogSink {
  public:
    LogSink(int out, int err) : out_{out}, err_{err} {}
    /// Where to append the next text for stdout or stderr.
    std::string& buffer(bool to_err);
    /// Writes everything. Throws Error.
    void flush();

  private:
    int out_, err_;
    bool to_err_ = false;
    std::string text_;
};

}  // namespace stack::cli
