// The image worker (`stack-image`) as the command line sees it: started with a verb, heard line by line, interrupted,
// concluded with its error. Its lines are those of runtime/image/worker_events.hpp.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace stack::cli {

enum class LayerState { waiting, downloading, downloaded, unpacking, done, present, uploading, mounted };

/// How far one layer is; bytes of the blob, `total` 0 when that is not known.
struct LayerEvent {
    std::string id;  ///< first digits of the blob's digest
    LayerState state = LayerState::waiting;
    std::uint64_t done = 0, total = 0;
    bool operator==(const LayerEvent&) const = default;
};
/// How far the whole source is: of archives, which are read in one go.
struct CopyEvent {
    std::string phase;  ///< copy, unpack, …
    std::uint64_t done = 0, total = 0;
    bool operator==(const CopyEvent&) const = default;
};
struct NoteEvent {
    std::string message;
    std::optional<std::chrono::seconds> retry_in;  ///< a warning when absent
    bool operator==(const NoteEvent&) const = default;
};
/// One image is ready, or was sent.
struct ImageResult {
    std::string reference, digest, id;
    std::uint64_t size = 0, layers = 0;
    std::optional<std::uint64_t> transferred;  ///< bytes that came from, or went to, the registry
    bool changed = true;
    bool operator==(const ImageResult&) const = default;
};

using WorkerEvent = std::variant<LayerEvent, CopyEvent, NoteEvent, ImageResult, Error>;

/// nullopt for an event that this program does not know. Throws Error(internal) for what is no event at all.
std::optional<WorkerEvent> parse_worker_event(std::string_view line);

struct WorkerStart {
    std::vector<std::string> argv;  ///< with the program's path
    int input = -1;                 ///< its stdin, borrowed until it has been started; -1: /dev/null
    int output = -1;                ///< its descriptor kWorkerOutput, where the verb writes an archive
};
/// What `--output-fd` of save and export names.
inline constexpr int kWorkerOutput = 3;

/// A running worker. Killed and reaped in the destructor if it is still there.
class ImageWorker {
  public:
    /// Throws Error when the program can't be started.
    explicit ImageWorker(const WorkerStart& start);
    ~ImageWorker();
    ImageWorker(ImageWorker&&) noexcept = default;
    ImageWorker& operator=(ImageWorker&&) = delete;
    ImageWorker(const ImageWorker&) = delete;
    ImageWorker& operator=(const ImageWorker&) = delete;

    /// Readable when there is something to receive.
    [[nodiscard]] int fd() const { return events_.get(); }
    /// Reads once. Errors that the worker tells are kept for `conclude`. Throws Error.
    std::vector<WorkerEvent> receive();
    /// It has closed its end: `conclude` does not block for long.
    [[nodiscard]] bool finished() const { return finished_; }
    void signal(int number) const;
    /// Waits for the process; what it failed with, or nullopt.
    std::optional<Error> conclude();

  private:
    ProcessHandle process_;
    UniqueFd events_;
    std::string pending_;  // an unfinished line
    bool finished_ = false;
    std::optional<Error> error_;
};

}  // namespace stack::cli
