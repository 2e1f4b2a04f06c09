#include "runtime/image/output_file.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack::image {

namespace {

constexpr std::size_t kPiece = 1u << 20;

}  // namespace

OutputFile::OutputFile(const std::string& number) {
    const auto value = parse_int(number);
    const int flags = value && *value > STDERR_FILENO && *value < (1 << 20)
                          ? ::fcntl(static_cast<int>(*value), F_GETFL)
                          : -1;
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("--output-fd: '{}' is no descriptor that can be written", number)};
    fd_ = static_cast<int>(*value);
    ::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error with a name
}

ByteSink OutputFile::sink() {
    pending_.reserve(kPiece);
    return [this](Bytes bytes) {
        if (pending_.size() + bytes.size() > kPiece) flush();
        if (bytes.size() >= kPiece) {
            write_all(fd_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "the archive");
            written_ += bytes.size();
        } else {
            pending_.insert(pending_.end(), bytes.begin(), bytes.end());
        }
    };
}

void OutputFile::flush() {
    write_all(fd_, {reinterpret_cast<const char*>(pending_.data()), pending_.size()}, "the archive");
    written_ += pending_.size();
    pending_.clear();
}

}  // namespace stack::image
