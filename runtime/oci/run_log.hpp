// What the program has to say about itself, in the form that its callers read: podman, conmon and containerd take the
// reason of a failure from the last JSON line of `--log`.
//
//   text   time="2026-01-02T03:04:05.000000006Z" level=error msg="…"
//   json   {"level":"error","msg":"…","time":"2026-01-02T03:04:05.000000006Z"}
#pragma once

#include "runtime/base/fd.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace stack::oci {

class RunLog {
  public:
    enum class Format { text, json };
    enum class Level { debug, warning, error };
    /// Records go to `path` and, without their frame, to stderr; with an empty path to stderr alone. Throws Error.
    /// What is below `least` is dropped.
    RunLog(const std::string& path, Format format, Level least);

    void error(std::string_view message) const { write(Level::error, message); }
    void warning(std::string_view message) const { write(Level::warning, message); }
    void warnings(const std::vector<std::string>& messages) const {
        for (const std::string& message : messages) warning(message);
    }
    void debug(std::string_view message) const { write(Level::debug, message); }

  private:
    void write(Level level, std::string_view message) const;
    UniqueFd file_;
    Format format_;
    Level least_;
};

}  // namespace stack::oci
