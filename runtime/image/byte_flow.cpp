#include "runtime/image/byte_flow.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace stack::image {

void ChunkQueue::push(Chunk chunk) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return chunks_.size() < capacity_ || abandoned_; });
    if (abandoned_) return;
    chunks_.push_back(std::move(chunk));
    changed_.notify_all();
}

void ChunkQueue::close(std::exception_ptr error) {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    error_ = std::move(error);
    changed_.notify_all();
}

Chunk ChunkQueue::pop() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !chunks_.empty() || closed_; });
    if (chunks_.empty()) {
        if (error_) std::rethrow_exception(error_);
        return nullptr;
    }
    Chunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    changed_.notify_all();
    return chunk;
}

void ChunkQueue::abandon() {
    const std::lock_guard lock{mutex_};
    abandoned_ = true;
    chunks_.clear();
    changed_.notify_all();
}

void Chunker::write(Bytes bytes) {
    while (!bytes.empty()) {
        if (!current_) {
            current_ = std::make_shared<std::vector<std::byte>>();
            current_->reserve(kChunkSize);
        }
        const std::size_t part = std::min(bytes.size(), kChunkSize - current_->size());
        current_->insert(current_->end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(part));
        bytes = bytes.subspan(part);
        if (current_->size() == kChunkSize) flush();
    }
}

void Chunker::flush() {
    if (current_) full_(std::exchange(current_, nullptr));
}

ByteProducer produce_file(int fd, std::uint64_t offset, std::uint64_t size) {
    return [fd, offset, size](const ByteSink& sink) {
        std::vector<std::byte> buffer(kChunkSize);
        std::uint64_t done = 0;
        while (done < size) {
            const std::size_t want =
                static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - done));
            const ssize_t got = size == kToEnd
                                    ? ::read(fd, buffer.data(), want)
                                    : ::pread(fd, buffer.data(), want, static_cast<off_t>(offset + done));
            if (got < 0) {
                if (errno == EINTR) continue;
                throw_errno("read the source");
            }
            if (got == 0) {
                if (size == kToEnd) return;
                throw Error{ErrorKind::invalid_input, "the source ends early"};
            }
            done += static_cast<std::uint64_t>(got);
            sink(Bytes{buffer.data(), static_cast<std::size_t>(got)});
        }
    };
}

}  // namespace stack::image
