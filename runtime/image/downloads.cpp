#include "runtime/image/downloads.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/download_file.hpp"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

struct Downloads::Download {
    Download(int folder, const Descriptor& descriptor) : blob{descriptor}, file{folder, descriptor} {}

    Descriptor blob;
    DownloadFile file;
    UniqueFd stored;         // the store's own file, where another pull has published it meanwhile
    std::uint64_t have = 0;  // bytes that may be read
    bool complete = false;   // all of them, and nothing more is to be heard
    bool left_over = false;  // some of them came before this pull, or from another one
    bool again = false;      // rejected: the listener shall begin anew
    std::optional<registry::Transfer> transfer;  // the listener's alone

    [[nodiscard]] int fd() const { return stored.valid() ? stored.get() : file.fd(); }
};

Downloads::Downloads(int folder, int store_blobs, registry::Fetcher& fetcher, EventWriter& events,
                     LayerEvents& layers)
    : folder_{folder},
      store_blobs_{store_blobs},
      fetcher_{fetcher},
      events_{events},
      layers_{layers},
      wake_{make_pipe()} {}

Downloads::~Downloads() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake();
    if (listener_.joinable()) listener_.join();
    // A file that nobody would go on with: nothing has come, or the blob came into the store by another way.
    for (const Download* download : order_) {
        try {
            const bool useless =
                download->file.bytes() == 0 || open_stored_blob(store_blobs_, download->blob).valid();
            if (download->file.owned() && useless) download->file.remove();
        } catch (const Error&) {  // cleared away when it is a week old
        }
    }
}

void Downloads::add(const Descriptor& blob) {
    std::unique_ptr<Download>& place = downloads_[blob.digest];
    if (place) return;
    place = std::make_unique<Download>(folder_, blob);
    order_.push_back(place.get());
    if (!place->file.owned()) return;
    place->stored = open_stored_blob(store_blobs_, blob);
    if (place->stored.valid()) {
        place->have = blob.size;
        return;
    }
    // More than the blob has can't be the beginning of it.
    place->have = place->file.bytes() > blob.size && place->file.clear() ? 0 : place->file.bytes();
    place->left_over = place->have > 0;
}

std::uint64_t Downloads::missing_bytes() const {
    const std::lock_guard lock{mutex_};
    std::uint64_t sum = 0;
    for (const Download* download : order_) sum += download->blob.size - download->have;
    return sum;
}

std::uint64_t Downloads::downloaded() const {
    const std::lock_guard lock{mutex_};
    return downloaded_;
}

void Downloads::start() {
    for (const Download* download : order_)
        layers_.tell(download->blob.digest, LayerState::waiting, download->have, download->blob.size);
    listener_ = std::thread{[this] {
        try {
            listen();
        } catch (...) {
            const std::lock_guard lock{mutex_};
            error_ = std::current_exception();
            changed_.notify_all();
        }
    }};
}

bool Downloads::reject(const std::string& digest) {
    Download& download = *downloads_.at(digest);
    const std::lock_guard lock{mutex_};
    if (!download.file.owned() || download.stored.valid()) return false;  // whoever fills it removes it
    if (!download.left_over) {
        download.file.remove();
        return false;
    }
    if (!download.file.clear()) return false;
    download.have = 0;
    download.complete = download.left_over = false;
    download.again = true;
    wake();
    return true;
}

ByteProducer Downloads::bytes(const std::string& digest) {
    const Download& download = *downloads_.at(digest);
    return [this, &download](const ByteSink& sink) { produce(download, sink); };
}

void Downloads::produce(const Download& download, const ByteSink& sink) {
    std::vector<std::byte> buffer(kChunkSize);
    std::uint64_t seen = 0;
    while (seen < download.blob.size) {
        const std::uint64_t have = wait_for_more(download, seen);
        while (seen < have) {
            const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), have - seen));
            const ssize_t got = ::pread(download.fd(), buffer.data(), want, static_cast<off_t>(seen));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) throw_errno(fmt::format("read the download of {}", download.blob.digest));
            if (got == 0)
                // Whoever filled it found it wrong and took it away: ours to begin anew (`reject`).
                throw Error{ErrorKind::invalid_input,
                            fmt::format("the download of {} became shorter", download.blob.digest)};
            seen += static_cast<std::uint64_t>(got);
            sink(Bytes{buffer.data(), static_cast<std::size_t>(got)});
        }
    }
}

std::uint64_t Downloads::wait_for_more(const Download& download, std::uint64_t seen) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return download.have > seen || error_; });
    if (error_) std::rethrow_exception(error_);
    return download.have;
}

// --- the listener's thread ---

void Downloads::listen() {
    for (;;) {
        {
            const std::lock_guard lock{mutex_};
            if (stopping_) return;
        }
        for (Download* download : order_) advance(*download);
        wait_for_news();
    }
}

void Downloads::advance(Download& download) {
    bool owned = false;
    {
        const std::lock_guard lock{mutex_};
        if (std::exchange(download.again, false)) download.transfer.reset();
        if (download.complete || download.transfer) return;
        owned = download.file.try_own();
        if (!owned) download.left_over = true;
    }
    // What somebody else has filled until now.
    if (!download.stored.valid()) grow(download, download.file.bytes());
    if (!owned) return;
    const std::uint64_t have = bytes_of(download);
    if (have == download.blob.size) return finish(download);
    const std::uint64_t offset = std::min(have, download.file.bytes());
    const registry::BlobRequest wanted{download.blob.digest, download.blob.size, offset, {}};
    download.transfer = fetcher_.get_blob(wanted, download.file.fd());
}

std::uint64_t Downloads::bytes_of(const Download& download) const {
    const std::lock_guard lock{mutex_};
    return download.have;
}

void Downloads::wait_for_news() {
    constexpr int kWatchInterval = 50;  // ms; for files that others fill, of which no descriptor tells
    std::vector<pollfd> polled{{wake_.read.get(), POLLIN, 0}};
    std::vector<Download*> heard{nullptr};
    bool watching = false;
    for (Download* download : order_) {
        if (download->transfer) {
            polled.push_back({download->transfer->notes_fd(), POLLIN, 0});
            heard.push_back(download);
        }
        watching = watching || !download->file.owned();
    }
    const int ready = ::poll(polled.data(), polled.size(), watching ? kWatchInterval : -1);
    if (ready < 0 && errno != EINTR) throw_errno("wait for the fetcher");
    if (ready <= 0) return;
    std::array<char, 64> bytes;
    if (polled[0].revents != 0 && ::read(wake_.read.get(), bytes.data(), bytes.size()) < 0)
        throw_errno("wait for the fetcher");
    for (std::size_t i = 1; i < polled.size(); ++i)
        if (polled[i].revents != 0) hear(*heard[i]);
}

void Downloads::hear(Download& download) {
    const std::optional<registry::Note> note = download.transfer->next();
    if (!note) return;
    if (note->kind == registry::NoteKind::retry) return events_.retry(note->message, note->retry_in);
    const bool done = note->kind == registry::NoteKind::done;
    grow(download, done ? download.file.bytes() : note->bytes);
    std::uint64_t have = 0;
    {
        const std::lock_guard lock{mutex_};
        if (!done || download.again) return;
        have = download.have;  // now: whoever rejects it from here on makes it none
    }
    download.transfer.reset();
    if (have < download.blob.size)
        throw Error{ErrorKind::failed, fmt::format("only {} of {} bytes of {} came", have, download.blob.size,
                                                   download.blob.digest)};
    finish(download);
}

void Downloads::grow(Download& download, std::uint64_t bytes) {
    bytes = std::min(bytes, download.blob.size);
    {
        const std::lock_guard lock{mutex_};
        // Once rejected, what is told is about bytes that are gone.
        if (download.again || bytes <= download.have) return;
        const std::uint64_t more = bytes - std::exchange(download.have, bytes);
        if (download.transfer) downloaded_ += more;  // and not somebody else's work
    }
    changed_.notify_all();
    layers_.tell(download.blob.digest, LayerState::downloading, bytes, download.blob.size);
}

void Downloads::finish(Download& download) {
    {
        const std::lock_guard lock{mutex_};
        download.complete = !download.again;
    }
    changed_.notify_all();
    layers_.tell(download.blob.digest, LayerState::downloaded, download.blob.size, download.blob.size);
}

void Downloads::wake() const {
    write_all(wake_.write.get(), "!", "the listener's pipe");
}

}  // namespace stack::image
