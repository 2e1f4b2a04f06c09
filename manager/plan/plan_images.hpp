// Which images a command has to fetch before anything of the project is changed: from what the services ask for, what
// the store has, and the time. Pure.
//
//   pull_policy                    image is here        image is not here
//   missing, if_not_present, none  used                 fetched
//   always                         asked for            fetched
//   daily, weekly, every_<time>    asked for when old   fetched
//   refresh                        as every_<pull_refresh_after>, or as always without that
//   never, build                   used                 an error
//
// Asked for: one request tells whether the registry has another one now. A name with a digest never means another
// image, so one that is here is used. Offline nothing is asked, and what is not here is an error.
#pragma once

#include "manager/compose/model.hpp"
#include "runtime/base/error.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stack::plan {

/// What the store has under a name: when the registry last said that this is it, if that is known.
using KnownImages = std::map<std::string, std::optional<std::chrono::system_clock::time_point>>;

struct ImageOptions {
    std::string
        policy;  ///< --pull: always, missing or never instead of what the services say; empty: what they say
    std::string unsaid = "missing";  ///< the policy of services that say nothing
    bool offline = false;
    std::chrono::system_clock::time_point now;
};

struct ImagePull {
    std::string reference, platform;
    std::string cause;                  ///< "not there", "pull_policy always", "fetched 26h0m0s ago"
    std::vector<std::string> services;  ///< that want it, sorted; never empty
    bool must_ask = false;              ///< false: enough if somebody else has fetched it meanwhile
    bool operator==(const ImagePull&) const = default;
};

struct ImagePlan {
    std::vector<ImagePull> pulls;  ///< by reference; the same image for two platforms is two
    std::vector<Error>
        errors;  ///< images that are not here and may not be fetched, each at its place in the file
};

/// Of `services`, or of all when that is empty.
ImagePlan plan_images(const compose::Project& project, const std::set<std::string>& services,
                      const KnownImages& known, const ImageOptions& options);

/// The names of the images that these services run.
std::set<std::string> image_names(const compose::Project& project, const std::set<std::string>& services);

/// An error about a service's image, at the place that names it.
Error image_error(Error error, const compose::Service& service);

/// One line a pull: `pull image redis:7 (not there) for cache, queue`.
std::string image_plan_text(const ImagePlan& plan);

}  // namespace stack::plan
