// A source that is one file or pipe: told apart by its content, and copied to the staging folder where it can't be read in
// place. Foreign bytes: used inside the sandbox only.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/image_source.hpp"
#include "runtime/image/layer_stager.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace stack::image {

class SourceFile {
  public:
    /// `fd` and `staging` stay the caller's. A pipe is read to its end here. Uncompressed, at most `limit` bytes are read.
    /// Throws Error(invalid_input), with `name` in it, when it is no tar archive.
    SourceFile(int fd, const std::string& name, int staging, std::uint64_t limit, StagingEvents events);

    [[nodiscard]] SourceKind kind() const { return kind_; }
    /// As they are, perhaps compressed.
    [[nodiscard]] ByteProducer bytes() const { return produce_file(file_, 0, size_); }
    [[nodiscard]] std::uint64_t size() const { return size_; }
    /// Of an image layout; read from this object's file. A compressed archive is uncompressed for it.
    std::unique_ptr<Members> members();

  private:
    void spool(const ByteProducer& bytes);
    void measure();

    StagingEvents events_;
    std::uint64_t limit_;
    int staging_;
    int file_;
    UniqueFd spooled_;
    std::uint64_t size_ = 0;
    SourceKind kind_ = SourceKind::root_file_system;
};

}  // namespace stack::image
