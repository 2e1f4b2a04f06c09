#include "runtime/image/pull.hpp"

#include <utility>

namespace stack::image {

Pull::Pull(PullRequest request, const PullPlaces& places, registry::Fetcher& fetcher, EventWriter& events)
    : request_{std::move(request)},
      events_{events_of(events)},
      stager_{places.store, request_.limits, events_},
      content_{places, request_.limits, fetcher, events} {}

StagedImage Pull::run() {
    const Descriptor start = content_.resolve(request_.reference, request_.digest);
    const Descriptor manifest = stage_oci_image(content_, start, request_.platform, stager_, events_);
    StagedImage image = stager_.finish(manifest);
    image.source = start.digest;
    image.downloaded = content_.downloaded();
    return image;
}

}  // namespace stack::image
