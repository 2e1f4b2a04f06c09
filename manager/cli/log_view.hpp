// Log lines of several containers on their way to the screen: sources in, formatted text out. Used by `logs` and by
// `up` in the foreground.
#pragma once

#include "manager/cli/log_printer.hpp"
#include "manager/logs/log_reader.hpp"

#include <map>
#include <string>
#include <vector>

namespace stack::cli {

class LogView {
  public:
    /// `split_streams`: stderr of the containers goes to our stderr, else everything to stdout.
    LogView(const logs::LogReadOptions& options, LogStyle style, LogSink& sink, bool split_streams)
        : reader_{options}, formatter_{style}, sink_{sink}, split_streams_{split_streams} {}

    /// Shows container `id` under `name`. Twice is fine. `options` overrides the common ones.
    void add(const std::string& id, const std::string& name, const logs::LogSource& source,
             const std::optional<logs::LogReadOptions>& options = std::nullopt);
    [[nodiscard]] bool has(const std::string& id) const { return members_.contains(id); }
    /// Prints every line there is now. True when there was one.
    bool print_available();
    /// Prints what there is, then the exit line of `id`.
    void print_exit(const std::string& id, int exit_code, bool restarting);
    /// Also prints unfinished last lines; nothing comes after.
    void finish();

    [[nodiscard]] int wait_fd() const { return reader_.wait_fd(); }
    void acknowledge_wait() { static_cast<void>(reader_.wait(0)); }

  private:
    logs::MergedReader reader_;
    LogFormatter formatter_;
    LogSink& sink_;
    bool split_streams_;
    std::vector<std::size_t> member_of_source_;
    std::map<std::string, std::size_t> members_;  ///< by container id
};

}  // namespace stack::cli
