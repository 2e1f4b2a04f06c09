#include "runtime/image/registry/transfer_notes.hpp"

#include "runtime/image/error_event.hpp"
#include "runtime/image/registry/fetch_protocol.hpp"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

#include <nlohmann/json.hpp>

namespace stack::registry {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMuch = 1u << 20;
constexpr std::chrono::milliseconds kInterval{50};

std::string text_of(const json& object) {
    return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string_view name_of(FetchOutcome outcome) {
    switch (outcome) {
        case FetchOutcome::fetched:
            return "fetched";
        case FetchOutcome::present:
            return "present";
        case FetchOutcome::mounted:
            return "mounted";
        case FetchOutcome::uploaded:
            return "uploaded";
    }
    return "fetched";
}

// An error whose texts together are too long for a note loses its context, then the end of its sentences.
std::string short_error_text(const Error& error) {
    std::string text = text_of(image::error_event(error));
    if (text.size() <= kMaxNoteText) return text;
    constexpr std::size_t kPart = kMaxNoteText / 16;  // a byte takes six at most as JSON
    Error shorter{error.kind(), error.message().substr(0, kPart) + "…"};
    return text_of(image::error_event(shorter.with_hint(error.hint().substr(0, kPart))));
}

}  // namespace

TransferNotes::TransferNotes(UniqueFd pipe) : pipe_{std::move(pipe)} {
    set_nonblocking(pipe_.get(), true);  // a reader that is slow misses progress, nothing else
}

void TransferNotes::progress(std::uint64_t bytes) {
    bytes_ = bytes;
    if (bytes_ - told_ >= kMuch || Clock::now() - told_at_ >= kInterval) tell_progress();
}

void TransferNotes::tell_progress() {
    const std::string record = encode_note(NoteKind::progress, bytes_, {});
    const ssize_t written = ::write(pipe_.get(), record.data(), record.size());
    if (written < 0 && errno == EPIPE) closed_ = true;
    if (written > 0) told_ = bytes_;
    told_at_ = Clock::now();
}

bool TransferNotes::keep_going() {
    if (bytes_ != told_ && Clock::now() - told_at_ >= kInterval) tell_progress();
    return wait(std::chrono::milliseconds{0});
}

bool TransferNotes::wait(std::chrono::milliseconds delay) {
    const auto until = Clock::now() + delay;
    while (!closed_) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
        pollfd entry{pipe_.get(), 0, 0};  // POLLERR: the read end is closed
        const int count = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (count > 0) closed_ = true;
        if (count == 0) return true;
    }
    return false;
}

void TransferNotes::retry(const std::string& why, std::chrono::milliseconds delay) {
    const double seconds = static_cast<double>(delay.count()) / 1000;
    tell(NoteKind::retry, text_of({{"message", why.substr(0, 500)}, {"in", seconds}}));
}

void TransferNotes::done(const FetchedDocument& document) {
    tell(NoteKind::done, text_of({{"digest", document.digest},
                                  {"mediaType", document.media_type.substr(0, 255)},
                                  {"size", document.size},
                                  {"outcome", name_of(document.outcome)}}));
}

void TransferNotes::failed(const Error& error) {
    tell(NoteKind::failed, short_error_text(error));
}

// Waits for room: these notes must arrive.
void TransferNotes::tell(NoteKind kind, std::string_view text) {
    const std::string record = encode_note(kind, bytes_, text);
    while (!closed_) {
        if (::write(pipe_.get(), record.data(), record.size()) >= 0) return;
        if (errno == EPIPE) closed_ = true;
        if (errno != EAGAIN) continue;
        pollfd entry{pipe_.get(), POLLOUT, 0};
        static_cast<void>(::poll(&entry, 1, -1));
    }
}

}  // namespace stack::registry
