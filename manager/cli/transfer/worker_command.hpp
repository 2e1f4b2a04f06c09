// The command lines of the image worker: what is the same for every verb.
#pragma once

#include "manager/cli/commands.hpp"
#include "manager/cli/transfer/worker_pool.hpp"
#include "manager/settings/settings.hpp"

#include <string>
#include <vector>

namespace stack::cli {

/// `stack-image VERB --root DIR`
std::vector<std::string> worker_command(const Context& context, const std::string& verb);

/// The same for verbs that speak with registries, with what the settings say of them. Prints what is wrong with the
/// settings and throws AlreadyReported; throws Error(not_supported) when the command is to stay offline.
std::vector<std::string> registry_command(const Context& context, const std::string& verb);

struct PullRequest {
    std::string reference;
    std::string platform;           ///< empty: this host's
    std::string policy = "always";  ///< or "missing"
};
/// Workers that fetch and send one image; `command` is what registry_command gave.
WorkerJob pull_job(const std::vector<std::string>& command, const PullRequest& request);
WorkerJob push_job(const std::vector<std::string>& command, const std::string& reference);

/// How the store, or the registry, is after an interruption.
inline constexpr const char* kPullInterrupted = "what has come is kept, and the next pull goes on from there";
inline constexpr const char* kPushInterrupted =
    "what has arrived is kept there, and the next push goes on from there";

/// `--config-dir`, `--mirror`, `--insecure`: pure.
std::vector<std::string> registry_flags(const settings::Settings& settings,
                                        const std::string& configuration_directory);

}  // namespace stack::cli
