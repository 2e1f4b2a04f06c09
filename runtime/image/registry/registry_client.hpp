// The OCI distribution protocol (distribution-spec 1.1, and Docker's manifest types): one repository, its mirrors
// first. Retries what may work later, resumes what was cut.
#pragma once

#include "runtime/image/registry/fetch_protocol.hpp"
#include "runtime/image/registry/fetcher.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"
#include "runtime/image/registry/registry_connection.hpp"
#include "runtime/image/registry/transfer_notes.hpp"

#include <deque>
#include <functional>
#include <string>

namespace stack::registry {

/// The plan, and what the workers have learnt about its endpoints.
struct SharedRegistry {
    explicit SharedRegistry(FetcherPlan what) : plan{std::move(what)} {
        for (const Endpoint& endpoint : plan.endpoints) endpoints.emplace_back(endpoint);
    }
    FetcherPlan plan;
    std::deque<EndpointState> endpoints;  // holds objects that don't move
};

/// Used by one thread. All requests throw Error, name the registry and what was asked for, and watch `notes`.
class RegistryClient {
  public:
    explicit RegistryClient(SharedRegistry& shared)
        : shared_{shared}, session_{shared.plan.proxies, shared.plan.limits.silence} {}

    FetchedDocument head_manifest(const std::string& reference, TransferNotes& notes);
    FetchedDocument get_manifest(const std::string& reference, int file, TransferNotes& notes);
    FetchedDocument get_blob(const FetchRequest& request, int file, TransferNotes& notes);
    FetchedDocument put_blob(const FetchRequest& request, int file, TransferNotes& notes);
    FetchedDocument put_manifest(const FetchRequest& request, int file, TransferNotes& notes);
    FetchedDocument ping(TransferNotes& notes);

  private:
    using Attempt = std::function<FetchedDocument(RegistryConnection&)>;
    /// Each endpoint in turn, until one answers well.
    FetchedDocument pull(const Attempt& attempt, TransferNotes& notes);
    /// The registry itself.
    FetchedDocument push(const Attempt& attempt, TransferNotes& notes);
    FetchedDocument with_retries(EndpointState& state, const FetchLimits& limits, const Attempt& attempt,
                                 TransferNotes& notes);

    SharedRegistry& shared_;
    HttpSession session_;
};

}  // namespace stack::registry
