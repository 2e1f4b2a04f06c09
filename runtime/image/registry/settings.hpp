// How registries are reached: what the worker's flags and the environment say, and the fetcher's plan made of it.
#pragma once

#include "runtime/image/registry/endpoint.hpp"
#include "runtime/image/registry/environment.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"
#include "runtime/image/worker_arguments.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace stack::registry {

struct RegistrySettings {
    std::string config_dir;  ///< our configuration folder; may be empty
    EndpointRules rules;
    std::chrono::seconds silence{30};
};

/// `--config-dir DIR`, `--mirror REGISTRY=URL`, `--insecure REGISTRY`, `--timeout SECONDS`; `settings` outlives them.
std::vector<image::WorkerFlag> registry_flags(RegistrySettings& settings);

/// Reads credentials, certificates and proxies: everything that the fetcher will know. Runs credential helpers. Throws
/// Error for settings and certificates that are no use; troubles with credentials become `warnings` of the plan.
FetcherPlan plan_fetcher(const RegistrySettings& settings, const std::string& registry,
                         const std::string& repository, const Environment& environment = process_environment);

}  // namespace stack::registry
