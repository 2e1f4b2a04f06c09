#include "manager/plan/plan_images.hpp"

#include "manager/plan/blame.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace stack::plan {

namespace {

using compose::Service;
using std::chrono::system_clock;

/// What is to become of one service's image.
struct Wish {
    bool fetch = false, must_ask = false;
    std::string cause;  // of fetching, or of not being able to
};

/// The age from which on the policy wants the registry to be asked; nullopt: never because of age.
std::optional<std::chrono::nanoseconds> oldest_allowed(const std::string& policy, const Service& service) {
    if (policy == "always") return std::chrono::nanoseconds{0};
    if (policy == "daily") return std::chrono::hours{24};
    if (policy == "weekly") return std::chrono::hours{7 * 24};
    if (policy == "refresh") return service.pull_refresh_after.value_or(std::chrono::nanoseconds{0});
    if (policy.starts_with("every_")) return parse_duration(std::string_view{policy}.substr(6));
    return std::nullopt;
}

bool names_a_digest(const std::string& reference) {
    return reference.find("@sha256:") != std::string::npos || reference.starts_with("sha256:");
}

class ImagePlanner {
  public:
    ImagePlanner(const KnownImages& known, const ImageOptions& options) : known_{known}, options_{options} {}

    Wish decide(const Service& service) const {
        const std::string& policy = policy_of(service);
        const auto image = known_.find(service.image);
        if (image == known_.end()) return decide_missing(policy);
        if (options_.offline || names_a_digest(service.image)) return {};
        return decide_present(policy, service, image->second);
    }

  private:
    [[nodiscard]] const std::string& policy_of(const Service& service) const {
        if (!options_.policy.empty()) return options_.policy;
        return service.pull_policy.empty() ? options_.unsaid : service.pull_policy;
    }

    [[nodiscard]] Wish decide_missing(const std::string& policy) const {
        if (options_.offline) return {false, false, "nothing is to be fetched (--offline)"};
        if (policy == "never" || policy == "build")
            return {false, false, fmt::format("with pull_policy \"{}\" it is not fetched", policy)};
        return {true, oldest_allowed(policy, {}) == std::chrono::nanoseconds{0}, "not there"};
    }

    [[nodiscard]] Wish decide_present(const std::string& policy, const Service& service,
                                      std::optional<system_clock::time_point> fetched) const {
        const auto oldest = oldest_allowed(policy, service);
        if (!oldest) return {};
        if (oldest->count() == 0) return {true, true, fmt::format("pull_policy {}", policy)};
        if (!fetched) return {true, true, "nobody knows how old it is"};
        const auto age = options_.now - *fetched;
        if (age < *oldest) return {};
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age);
        return {true, true, fmt::format("fetched {} ago", format_duration(seconds))};
    }

    const KnownImages& known_;
    const ImageOptions& options_;
};

std::vector<const Service*> chosen_services(const compose::Project& project,
                                            const std::set<std::string>& names) {
    std::vector<const Service*> result;
    for (const auto& [name, service] : project.services)
        if (!service.image.empty() && (names.empty() || names.contains(name))) result.push_back(&service);
    return result;
}

Error missing_image(const Service& service, const std::string& why, bool offline) {
    Error error{ErrorKind::not_found,
                fmt::format("image '{}' is not in the store, and {}", service.image, why)};
    error.with_hint(
        fmt::format("{}: stack image pull {}; or import it: stack image import {} <archive or folder>",
                    offline ? "fetch it while there is a network" : "pull it", service.image, service.image));
    return image_error(std::move(error), service);
}

}  // namespace

Error image_error(Error error, const Service& service) {
    return blame(std::move(error.add_context(fmt::format("service \"{}\"", service.name))), service, "image");
}

std::set<std::string> image_names(const compose::Project& project, const std::set<std::string>& services) {
    std::set<std::string> names;
    for (const Service* service : chosen_services(project, services)) names.insert(service->image);
    return names;
}

ImagePlan plan_images(const compose::Project& project, const std::set<std::string>& services,
                      const KnownImages& known, const ImageOptions& options) {
    const ImagePlanner planner{known, options};
    ImagePlan plan;
    std::map<std::pair<std::string, std::string>, ImagePull> pulls;
    for (const Service* service : chosen_services(project, services)) {
        Wish wish = planner.decide(*service);
        if (wish.fetch) {
            ImagePull& pull = pulls[{service->image, service->platform}];
            if (pull.services.empty() || (wish.must_ask && !pull.must_ask))
                pull.cause = std::move(wish.cause);
            pull.must_ask = pull.must_ask || wish.must_ask;
            pull.services.push_back(service->name);
        } else if (!wish.cause.empty()) {
            plan.errors.push_back(missing_image(*service, wish.cause, options.offline));
        }
    }
    for (auto& [key, pull] : pulls) {
        std::tie(pull.reference, pull.platform) = key;
        plan.pulls.push_back(std::move(pull));
    }
    return plan;
}

std::string image_plan_text(const ImagePlan& plan) {
    std::string text;
    for (const ImagePull& pull : plan.pulls)
        text +=
            fmt::format("pull image {} ({}) for {}\n", pull.reference, pull.cause, join(pull.services, ", "));
    return text;
}

}  // namespace stack::plan
