// A fetcher for one test, and what the tests do with it.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/image/registry/endpoint.hpp"
#include "runtime/image/registry/fetcher.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"

#include <optional>
#include <string>
#include <vector>

namespace stack::test {

/// A plan as a user's settings would make it, but without delays.
registry::FetcherPlan quick_plan(const std::string& registry, const std::string& repository,
                                 const registry::EndpointRules& rules = {});

/// A running fetcher; ends with the object, which checks that it ended well.
class FetcherRun {
  public:
    explicit FetcherRun(const registry::FetcherPlan& plan);
    ~FetcherRun();
    FetcherRun(const FetcherRun&) = delete;
    FetcherRun& operator=(const FetcherRun&) = delete;
    registry::Fetcher* operator->() { return &*fetcher_; }
    [[nodiscard]] const ProcessHandle& process() const { return process_; }

  private:
    std::optional<registry::Fetcher> fetcher_;
    ProcessHandle process_;
};

/// A file without a name, to fetch into and to push from.
class ScratchFile {
  public:
    explicit ScratchFile(const std::string& content = {});
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::string content() const;

  private:
    UniqueFd fd_;
};

/// What a transfer told.
struct TransferStory {
    registry::FetchedDocument document;
    std::optional<Error> error;
    std::vector<std::string> retries;
    std::vector<std::uint64_t> progress;
    /// The error with its hint; empty when there is none.
    [[nodiscard]] std::string failure() const;
};
TransferStory story_of(registry::Transfer transfer);

}  // namespace stack::test
