// What the verbs that speak with a registry have in common on their command line, and the plan of a fetcher from it.
#pragma once

#include "runtime/image/registry/endpoint.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"
#include "runtime/image/worker_arguments.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace stack::image {

struct RegistryFlags {
    std::string config_dir;  ///< this program's own configuration; certs.d below it
    registry::EndpointRules rules;
    registry::FetchLimits limits;
};

inline constexpr std::string_view kRegistryFlagsUsage =
    "[--config-dir DIR] [--mirror REGISTRY=URL]... [--insecure REGISTRY]... [--timeout SECONDS]";

/// `own` and the registry flags, which set `flags`; it outlives them.
std::vector<WorkerFlag> with_registry_flags(std::vector<WorkerFlag> own, RegistryFlags& flags);

/// Where and how a repository is asked for. Throws Error.
registry::FetcherPlan plan_fetcher(const RegistryFlags& flags, const std::string& registry,
                                   const std::string& repository);

}  // namespace stack::image
