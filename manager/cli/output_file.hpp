// Where a command writes an archive: stdout, or a file that appears under its name when it is whole.
#pragma once

#include "runtime/base/fd.hpp"

#include <string>

namespace stack::cli {

class OutputFile {
  public:
    /// `path` empty or `-`: `standard_output`, which stays the caller's. What is there already and is no regular file
    /// (a pipe, a device) is written to directly. Throws Error; of kind invalid_input when the archive would go to a
    /// terminal.
    OutputFile(const std::string& path, int standard_output);
    /// Removes what was not kept.
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    [[nodiscard]] int fd() const { return file_.valid() ? file_.get() : standard_output_; }
    /// It is whole: gives it its name. Throws Error.
    void keep();

  private:
    int standard_output_ = -1;
    UniqueFd file_;
    std::string path_, unfinished_;  // empty once there is nothing to rename or remove
};

}  // namespace stack::cli
