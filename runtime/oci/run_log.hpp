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
    /// Records go to `path` and, without their frame, to stderr; with an empty path to stderr alone. Throws Error.
    RunLog(const std::string& path, Format format, bool debug);

    void error(std::string_view message) const { write("error", message); }
    void warning(std::string_view message) const { write("warning", message); }
    void warnings(const std::vector<std::string>& messages) const {
        for (const std::string& message : messages) warning(message);
    }
    /// Dropped without `--debug`.
    void debug(std::string_view message) const {
        if (debug_) write("debug", message);
    }

  private:
    void write(std::string_view level, std::string_view message) const;
    UniqueFd file_;
    Format format_;
    bool debug_;
};

}  // namespace stack::oci
