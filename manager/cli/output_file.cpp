#include "manager/cli/output_file.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack::cli {

OutputFile::OutputFile(const std::string& path, int standard_output) : standard_output_{standard_output} {
    struct ::stat info {};
    const bool to_file = !path.empty() && path != "-";
    const bool special = to_file && ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
    if (special) {
        file_.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        if (!file_.valid()) throw_errno(fmt::format("open '{}'", path));
    }
    if ((special || !to_file) && ::isatty(fd()) == 1)
        throw Error{ErrorKind::invalid_input, "an archive is not for a terminal"}.with_hint(
            "name a file with -o, or redirect the output");
    if (special || !to_file) return;
    path_ = path;
    unfinished_ = fmt::format("{}.{}.unfinished", path, random_hex(4));
    file_.reset(::open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file_.valid()) throw_errno(fmt::format("create '{}'", unfinished_));
}

OutputFile::~OutputFile() {
    if (!unfinished_.empty() && file_.valid()) ::unlink(unfinished_.c_str());
}

void OutputFile::keep() {
    if (unfinished_.empty()) return;
    if (::rename(unfinished_.c_str(), path_.c_str()) != 0)
        throw_errno(fmt::format("rename '{}' to '{}'", unfinished_, path_));
    unfinished_.clear();
}

}  // namespace stack::cli
