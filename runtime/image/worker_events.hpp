// What the worker tells: one JSON object a line.
//
//   {"event":"progress","phase":"unpack","done":N,"total":N}       total 0: unknown; at most about ten a second
//   {"event":"warning","message":"…"}
//   {"event":"layer","id":"<12 hex digits of the blob's digest>","state":"…","done":N,"total":N}    (layer_events.hpp)
//   {"event":"retry","message":"…","in":seconds}                   the network failed; tried again so much later
//   {"event":"result","reference":"redis:7","digest":"sha256:…","id":"sha256:…","size":N,"layers":N,"changed":true}
//   {"event":"result","images":N,"bytes":N}                        of save; of export without "images"
//       and of a pull "downloaded":bytes
//   {"event":"result","reference":"…","digest":"sha256:…","size":N,"uploaded":bytes}               of a push
//   {"event":"error","kind":"invalid-input","message":"…","context":["…"],"hint":"…"}
//
// Between its two halves also {"event":"staged",…}: what the sandboxed half has prepared.
#pragma once

#include "runtime/image/error_event.hpp"
#include "runtime/image/layer_stager.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace stack::image {

/// Writes events; callable from several threads.
class EventWriter {
  public:
    explicit EventWriter(int fd) : fd_{fd} {}
    void progress(const std::string& phase, std::uint64_t done, std::uint64_t total);
    void warning(const std::string& sentence);
    void error(const Error& error);
    void retry(const std::string& why, std::chrono::milliseconds in);
    void write(const nlohmann::json& event);

  private:
    int fd_;
    std::mutex mutex_;
    std::chrono::steady_clock::time_point last_progress_;
};

/// The same, as those who stage layers want it; `writer` outlives it.
StagingEvents events_of(EventWriter& writer);

nlohmann::json staged_event(const StagedImage& image);
/// Checked as foreign bytes are: the sandboxed half may have been taken over. Throws Error(internal).
StagedImage staged_image_of(const nlohmann::json& event, const std::string& full_name);

}  // namespace stack::image
