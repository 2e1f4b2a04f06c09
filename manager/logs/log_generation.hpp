// One generation of a log, open for reading: the index entries that can be believed so far, and the bytes.
#pragma once

#include "manager/logs/log_files.hpp"
#include "runtime/base/fd.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stack::logs {

class LogGeneration {
  public:
    /// nullptr when it does not exist (any more). Throws Error.
    static std::unique_ptr<LogGeneration> open(const std::string& directory, std::string_view name,
                                               std::uint64_t number);

    /// Looks for what was written since; true when there is more. Throws Error.
    bool refresh();

    [[nodiscard]] std::uint64_t number() const { return number_; }
    /// Bytes whose entries are known.
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] const std::vector<IndexEntry>& entries() const { return entries_; }
    /// Where the bytes of entry `index` end (at its own offset for an end mark).
    [[nodiscard]] std::uint64_t end_of(std::size_t index) const;

    /// At most `size` bytes from `offset`. Throws Error.
    std::size_t read(std::uint64_t offset, char* into, std::size_t size) const;

  private:
    std::uint64_t number_ = 0;
    std::uint64_t size_ = 0;
    UniqueFd log_, index_;
    std::vector<IndexEntry> entries_;
    std::size_t read_entries_ = 0;  // of the file; `entries_` may have one more, made up
};

}  // namespace stack::logs
