// The hand-over of a seccomp listener (seccomp_unotify(2)) to the agent that a profile names (config-linux.md, "Seccomp";
// "The Container Process State").
//
// The agent is connected before the process is made: one that is not there is an error while nothing has happened. The
// new process hands the listener over itself, by the connection that it inherits, with a text that this process writes as
// soon as it knows the pid. So nobody else need be alive when the filter is installed, which is only at `start`. How the
// process can do that although its own calls may be notified from then on: child_listener.cpp.
#pragma once

#include "runtime/base/fd.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace stack {

/// Memory that parent and child share, for one text that is written by the one and later read by the other.
class SharedText {
  public:
    static constexpr std::size_t kMaxSize = 128 * 1024;
    SharedText();  ///< Throws Error
    SharedText(SharedText&& other) noexcept;
    SharedText& operator=(SharedText&& other) noexcept;
    ~SharedText();
    /// Throws Error(invalid_input) for a text that is too large.
    void write(std::string_view text);

    struct Content {
        std::uint32_t size;
        char text[1];
    };
    [[nodiscard]] const Content* content() const { return content_; }
    /// Valid until the next `write`.
    [[nodiscard]] std::string_view text() const { return {content_->text, content_->size}; }

  private:
    Content* content_ = nullptr;
};

/// Throws Error(not_found, permission, failed) with a hint that it is the profile's listenerPath.
UniqueFd connect_seccomp_agent(const std::string& path);

/// `state_json` is the container's state document; `metadata` the profile's listenerMetadata. Throws Error(internal) when
/// the state is no JSON object.
std::string container_process_state(pid_t pid, std::string_view state_json, const std::string& metadata);
/// The same of the process that went on in that one's place. Where that was the container's first, so is this one.
std::string process_state_of_successor(std::string_view process_state, pid_t pid);

}  // namespace stack
