// A fetcher for as long as one piece of work of the outer half takes.
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/registry/fetcher_plan.hpp"

#include <functional>

namespace stack::image {

/// Starts a fetcher, gives `work` the client's end of its socket, and ends it when `work` returns or throws. An interrupt
/// kills it meanwhile, and becomes Error(cancelled). Call while the process has one thread and before a sandbox.
void with_fetcher(const registry::FetcherPlan& plan, const std::function<void(const UniqueFd& socket)>& work);

}  // namespace stack::image
