// The inner half of `stack-image pull`: turns a reference into staged documents and layers, and downloads that are
// whole and checked. Runs in the sandbox; the network is the fetcher's (registry/fetcher.hpp).
#pragma once

#include "runtime/image/registry_content.hpp"

#include <string>

namespace stack::image {

struct PullRequest {
    std::string reference;  ///< a tag or a digest of the fetcher's repository
    std::string digest;     ///< what it stands for, where that is known; else empty
    Platform platform;
    UnpackLimits limits;
};

/// One pull. While it lives, its downloads are locked: keep it until the image is published.
class Pull {
  public:
    /// All of them outlive it; `request` is copied.
    Pull(PullRequest request, const PullPlaces& places, registry::Fetcher& fetcher, EventWriter& events);
    /// The image, without a name. Call once. Throws Error.
    StagedImage run();

  private:
    PullRequest request_;
    StagingEvents events_;
    LayerStager stager_;
    RegistryContent content_;
};

}  // namespace stack::image
