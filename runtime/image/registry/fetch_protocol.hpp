// What passes between whoever wants something of a registry and the process that speaks with it (fetcher.hpp).
//
// A request is one SOCK_SEQPACKET datagram: a JSON object and descriptors. The last descriptor is the write end of
// the pipe on which the fetcher tells how it goes; before it comes the file, where there is one.
//
//   {"op":"head_manifest","reference":"7"}                                               notes
//   {"op":"get_manifest","reference":"sha256:…"}                                         file, notes
//   {"op":"get_blob","digest":"sha256:…","size":N,"offset":N,"urls":["https://…"]}       file, notes
//   {"op":"put_blob","digest":"sha256:…","size":N,"mount_from":"team/base"}              file, notes
//   {"op":"put_manifest","reference":"7","media_type":"application/…"}                   file, notes
//   {"op":"ping"}                                                                        notes
//
// A note is a NoteHeader and `text_size` bytes of JSON, written by one write(2) of at most PIPE_BUF bytes, so it is
// there whole or not at all. Progress may be left out when the pipe is full; the other kinds never are. The pipe
// closes after `done` or `failed`; one that closes earlier tells that the fetcher has died. Closing the read end
// cancels the request.
//
//   progress  bytes = how many the file has now (get_blob), or the registry has (put_blob)
//   retry     {"message":"…","in":seconds}
//   done      {"digest":"…","mediaType":"…","size":N,"outcome":"fetched|present|mounted|uploaded"}
//   failed    an error event (error_event.hpp)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stack::registry {

enum class FetchOperation { head_manifest, get_manifest, get_blob, put_blob, put_manifest, ping };

/// How many descriptors come with a request of this kind.
std::size_t descriptor_count(FetchOperation operation);

struct FetchRequest {
    FetchOperation operation = FetchOperation::ping;
    std::string reference;   ///< a tag or a digest
    std::string digest;      ///< of a blob
    std::uint64_t size = 0;  ///< of a blob, bytes
    std::uint64_t offset = 0;
    std::vector<std::string> urls;  ///< where else a blob may be had (image-spec, descriptor's `urls`)
    std::string mount_from;         ///< a repository of the same registry that has the blob; may be empty
    std::string media_type;
    bool operator==(const FetchRequest&) const = default;
};

inline constexpr std::size_t kMaxFetchRequest = 64u << 10;

std::string encode_request(const FetchRequest& request);
/// Checks every field: the sender reads foreign bytes and may have been taken over. Throws Error(invalid_input).
FetchRequest decode_request(std::string_view datagram);

enum class NoteKind : std::uint32_t { progress = 1, retry = 2, done = 3, failed = 4 };

struct NoteHeader {
    NoteKind kind = NoteKind::progress;
    std::uint32_t text_size = 0;
    std::uint64_t bytes = 0;
};
static_assert(sizeof(NoteHeader) == 16);

inline constexpr std::size_t kMaxNote = 4096;  ///< PIPE_BUF on Linux
inline constexpr std::size_t kMaxNoteText = kMaxNote - sizeof(NoteHeader);

/// Header and text as they are written. `text` has at most kMaxNoteText bytes.
std::string encode_note(NoteKind kind, std::uint64_t bytes, std::string_view text);

}  // namespace stack::registry
