// The fetcher's end of a request's pipe: tells how it goes, and notices that nobody listens any more.
#pragma once

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/image/registry/fetcher.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace stack::registry {

/// Used by one thread.
class TransferNotes {
  public:
    /// `pipe`: the write end. SIGPIPE must be ignored.
    explicit TransferNotes(UniqueFd pipe);

    /// Told at once when much is new, otherwise at most twenty times a second; the latest count is told by the next
    /// call of `keep_going` at the latest.
    void progress(std::uint64_t bytes);
    /// Tells what is left to tell; false once the other side has closed the pipe.
    bool keep_going();
    void retry(const std::string& why, std::chrono::milliseconds delay);
    void done(const FetchedDocument& document);
    void failed(const Error& error);
    /// Sleeps; false as soon as the other side closes the pipe.
    bool wait(std::chrono::milliseconds delay);

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    void tell_progress();
    void tell(NoteKind kind, std::string_view text);

    UniqueFd pipe_;
    std::uint64_t bytes_ = 0, told_ = 0;
    std::chrono::steady_clock::time_point told_at_;
    bool closed_ = false;
};

}  // namespace stack::registry
