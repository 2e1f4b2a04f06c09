#include "runtime/base/log.hpp"

#include <memory>

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace stack {

namespace {

std::shared_ptr<void> make_logger(spdlog::sink_ptr sink) {
    auto logger = std::make_shared<spdlog::logger>("stack", std::move(sink));
    logger->set_level(spdlog::level::debug);
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    logger->flush_on(spdlog::level::debug);  // the supervisor may be killed at any instant
    return logger;
}

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

Log Log::to_file(const std::string& path, LogLevel minimum) {
    Log log;
    log.sink_ = make_logger(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
    log.minimum_ = minimum;
    return log;
}

Log Log::to_stderr(LogLevel minimum) {
    Log log;
    log.sink_ = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    log.minimum_ = minimum;
    return log;
}

Log Log::to_nowhere() {
    Log log;
    log.minimum_ = LogLevel::error;
    return log;
}

void Log::write(LogLevel level, std::string_view message) const {
    if (!sink_) return;
    static_cast<spdlog::logger*>(sink_.get())
        ->log(level_of(level), spdlog::string_view_t{message.data(), message.size()});
}

}  // namespace stack
