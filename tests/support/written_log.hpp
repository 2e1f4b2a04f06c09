// A log in a temporary directory, written piece by piece with chosen times, as the pump would write it.
#pragma once

#include "manager/logs/log_reader.hpp"
#include "manager/logs/log_writer.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stack::test {

class WrittenLog {
  public:
    explicit WrittenLog(std::uint64_t max_size = 1 << 20, unsigned max_files = 3) {
        char name[] = "/tmp/stack-log-XXXXXX";
        directory = ::mkdtemp(name);
        target = {directory, "web", max_size, max_files};
        reopen();
    }
    ~WrittenLog() { remove_tree(directory); }

    void reopen() {
        writer.reset();
        writer = std::make_unique<logs::LogWriter>(target);
    }
    void write(logs::LogStream stream, std::string_view text, std::int64_t time_ms) {
        while (!text.empty()) {
            const std::size_t room = std::min(writer->announce(stream, time_ms * 1'000'000), text.size());
            if (::pwrite(writer->fd(), text.data(), room, static_cast<off_t>(writer->offset())) !=
                static_cast<ssize_t>(room))
                throw_errno("write");
            writer->advance(room);
            text.remove_prefix(room);
        }
    }
    void out(std::string_view text, std::int64_t time_ms) { write(logs::LogStream::out, text, time_ms); }
    void err(std::string_view text, std::int64_t time_ms) { write(logs::LogStream::err, text, time_ms); }

    // "o:text", "e:text"; "~" after it when partial.
    std::vector<std::string> read(const logs::LogReadOptions& options = {}) const {
        logs::LogReader reader{directory, "web", options};
        return read(reader);
    }
    static std::vector<std::string> read(logs::LogReader& reader) {
        std::vector<std::string> result;
        while (const auto line = reader.next())
            result.push_back(std::string{line->stream == logs::LogStream::out ? "o:" : "e:"} +
                             std::string{line->text} + (line->partial ? "~" : ""));
        return result;
    }

    std::string directory;
    logs::LogTarget target;
    std::unique_ptr<logs::LogWriter> writer;
};

}  // namespace stack::test
