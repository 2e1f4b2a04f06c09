#include "runtime/image/push.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

class Uploads {
  public:
    Uploads(registry::Fetcher& fetcher, EventWriter& events)
        : fetcher_{fetcher}, events_{events}, layers_{events} {}

    void add(const OpenBlob& blob) {
        tell(blob, LayerState::waiting, 0);
        const registry::BlobUpload upload{blob.blob.digest, blob.blob.size, blob.mount_from};
        under_way_.push_back({&blob, fetcher_.put_blob(upload, blob.file.get())});
    }

    /// Until all have ended; bytes that were sent.
    std::uint64_t finish() {
        while (!under_way_.empty()) {
            std::vector<pollfd> polled;
            for (const Upload& upload : under_way_) polled.push_back({upload.transfer.notes_fd(), POLLIN, 0});
            if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR)
                throw_errno("wait for the fetcher");
            for (std::size_t i = 0; i < polled.size(); ++i)
                if (polled[i].revents != 0) hear(under_way_[i]);
            std::erase_if(under_way_, [](const Upload& upload) { return upload.done; });
        }
        return sent_;
    }

  private:
    struct Upload {
        const OpenBlob* blob;
        registry::Transfer transfer;
        bool done = false;
    };

    void hear(Upload& upload) {
        const std::optional<registry::Note> note = upload.transfer.next();
        if (!note) return;
        if (note->kind == registry::NoteKind::retry) return events_.retry(note->message, note->retry_in);
        if (note->kind == registry::NoteKind::progress)
            return tell(*upload.blob, LayerState::uploading, note->bytes);
        upload.done = true;
        const registry::FetchOutcome outcome = note->document.outcome;
        if (outcome == registry::FetchOutcome::uploaded) sent_ += upload.blob->blob.size;
        tell(*upload.blob, end_state(outcome), upload.blob->blob.size);
    }

    static LayerState end_state(registry::FetchOutcome outcome) {
        if (outcome == registry::FetchOutcome::present) return LayerState::present;
        return outcome == registry::FetchOutcome::mounted ? LayerState::mounted : LayerState::done;
    }

    void tell(const OpenBlob& blob, LayerState state, std::uint64_t bytes) {
        if (blob.is_layer) layers_.tell(blob.blob.digest, state, bytes, blob.blob.size);
    }

    registry::Fetcher& fetcher_;
    EventWriter& events_;
    LayerEvents layers_;
    std::vector<Upload> under_way_;
    std::uint64_t sent_ = 0;
};

}  // namespace

PushResult push_image(const PushContent& content, const std::string& tag, registry::Fetcher& fetcher,
                      EventWriter& events) {
    PushResult result;
    Uploads uploads{fetcher, events};
    for (const OpenBlob& blob : content.blobs) {
        uploads.add(blob);
        result.size += blob.blob.size;
    }
    result.uploaded = uploads.finish();
    fetcher.put_manifest(tag, content.manifest.media_type, content.manifest_file.get()).finish();
    return result;
}

}  // namespace stack::image
