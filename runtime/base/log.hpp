// The program's own diagnostics (not container logs): a thin front, so that only log.cpp knows spdlog.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace stack {

enum class LogLevel { debug, info, warning, error };

class Log {
  public:
    /// Writes lines `time level message` to the descriptor's file; messages below `minimum` are dropped
    /// cheaply.
    static Log to_file(const std::string& path, LogLevel minimum);
    static Log to_stderr(LogLevel minimum);
    static Log to_nowhere();

    template <class... Args>
    void debug(fmt::format_string<Args...> format, Args&&... args) const {
        if (minimum_ <= LogLevel::debug)
            write(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
    }
    template <class... Args>
    void info(fmt::format_string<Args...> format, Args&&... args) const {
        if (minimum_ <= LogLevel::info)
            write(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
    }
    template <class... Args>
    void warning(fmt::format_string<Args...> format, Args&&... args) const {
        if (minimum_ <= LogLevel::warning)
            write(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
    }
    template <class... Args>
    void error(fmt::format_string<Args...> format, Args&&... args) const {
        write(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
    }

  private:
    void write(LogLevel level, std::string_view message) const;
    std::shared_ptr<void> sink_;
    LogLevel minimum_ = LogLevel::info;
};

}  // namespace stack
