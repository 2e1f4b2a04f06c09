#include "runtime/oci/run_log.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/units.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

// As a quoted string; JSON's quoting serves the text form too.
std::string quoted(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Whoever reads the log may be gone; there is nobody else to tell.
void write_quietly(int fd, const std::string& line) {
    try {
        write_all(fd, line, "log");
    } catch (const Error&) {
    }
}

}  // namespace

RunLog::RunLog(const std::string& path, Format format, Level least) : format_{format}, least_{least} {
    if (path.empty() || path == "/dev/stderr") return;
    file_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file_.valid()) throw_errno(fmt::format("open log file {}", path));
}

void RunLog::write(Level level, std::string_view message) const {
    if (level < least_) return;
    const std::string_view name = level == Level::debug     ? "debug"
                                  : level == Level::warning ? "warning"
                                                            : "error";
    const std::string time = format_time(std::chrono::system_clock::now());
    const std::string record =
        format_ == Format::json
            ? fmt::format("{{\"level\":\"{}\",\"msg\":{},\"time\":\"{}\"}}\n", name, quoted(message), time)
            : fmt::format("time=\"{}\" level={} msg={}\n", time, name, quoted(message));
    if (!file_.valid()) return write_quietly(STDERR_FILENO, record);
    write_quietly(file_.get(), record);
    if (level != Level::debug) write_quietly(STDERR_FILENO, fmt::format("{}\n", message));
}

}  // namespace stack::oci
