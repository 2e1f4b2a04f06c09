// What a service leaves to its image: argv, environment, user, stop signal, health check, combined by
// Docker's rules.
#pragma once

#include "manager/compose/model.hpp"
#include "manager/plan/healthcheck.hpp"
#include "runtime/image/image_config.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace stack::plan {

/// argv: `entrypoint` + `command`, each the service's or else the image's; a service that sets its entrypoint
/// drops the image's command. Throws Error(invalid_input) when nothing is left to run.
std::vector<std::string> effective_argv(const compose::Service& service, const ImageConfig& image);

/// K=V. PATH, HOSTNAME and (with a terminal) TERM, then the image's, then the service's; a service value of
/// nullopt takes the name away.
std::vector<std::string> effective_environment(const compose::Service& service, const ImageConfig& image,
                                               const std::string& hostname);

/// The service's stop signal, the image's, or SIGTERM. Throws Error(invalid_input) for a name that is none.
int effective_stop_signal(const compose::Service& service, const ImageConfig& image);
/// 10 s unless said.
std::chrono::nanoseconds effective_stop_grace(const compose::Service& service);

/// nullopt: no check, or switched off. Fields the service leaves open are the image's; zero durations are the
/// defaults.
std::optional<ProbeSettings> effective_healthcheck(const compose::Service& service, const ImageConfig& image);

}  // namespace stack::plan
