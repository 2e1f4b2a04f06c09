#include "manager/compose/consistency.hpp"

#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <set>

#include <fmt/format.h>

namespace stack::compose {

namespace {

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : map) keys.push_back(key);
    return keys;
}

// True when `address` lies in `cidr`; IPv4 only, since attachments have no other fixed addresses yet.
bool subnet_holds(const std::string& cidr, const std::string& address) {
    const std::size_t slash = cidr.find('/');
    if (slash == std::string::npos) return false;
    struct in_addr network {
    }, host{};
    if (::inet_pton(AF_INET, cidr.substr(0, slash).c_str(), &network) != 1 ||
        ::inet_pton(AF_INET, address.c_str(), &host) != 1)
        return false;
    const auto bits = parse_int(std::string_view{cidr}.substr(slash + 1));
    if (!bits || *bits < 0 || *bits > 32) return false;
    const std::uint32_t mask = *bits == 0 ? 0 : ~std::uint32_t{0} << (32 - *bits);
    return (ntohl(network.s_addr) & mask) == (ntohl(host.s_addr) & mask);
}

class ConsistencyCheck {
  public:
    ConsistencyCheck(Project& project, Reporter& reporter)
        : project_{project}, reporter_{reporter}, faulty_{reporter.services_with_errors()} {}

    void run() {
        for (auto& [name, service] : project_.services) check_service(service);
        check_container_names();
        check_cycles();
        check_files(project_.secrets, "secret", &Service::secrets);
        check_files(project_.configs, "config", &Service::configs);
    }

  private:
    void check_service(Service& service) {
        // A misspelt `image` has been reported; that it is missing then is no news.
        if (service.image.empty() && !faulty_.contains(service.name))
            error(service, "no-image", fmt::format("service \"{}\" has no image", service.name),
                  service.position)
                .hint = "add \"image: NAME\"";
        check_networks(service);
        check_mounts(service);
        check_grants(service, service.secrets, project_.secrets, "secret");
        check_grants(service, service.configs, project_.configs, "config");
        for (const auto& [name, dependency] : service.depends_on) check_dependency(service, name);
        if (!service.container_name.empty() && service.scale > 1)
            error(service, "conflict",
                  fmt::format("service \"{}\" has a container_name, so it can't have {} replicas",
                              service.name, service.scale),
                  place(service, "container_name"))
                .hint = "a container name can be given once; remove it, or the scale";
    }

    void check_networks(Service& service) {
        const bool said = service.positions.contains("networks");
        if (!service.network_mode.empty() && said)
            error(service, "conflict",
                  fmt::format("service \"{}\" has both network_mode and networks", service.name),
                  place(service, "network_mode"))
                .related.push_back({"networks", place(service, "networks")});
        if (!service.network_mode.empty() && !service.ports.empty()) {
            reporter_
                .warning("ignored-key",
                         fmt::format("published ports have no effect with network_mode \"{}\"",
                                     service.network_mode),
                         service.ports[0].position)
                .service = service.name;
            service.ports.clear();
        }
        for (const auto& [name, attachment] : service.networks) {
            const Position where = place(service, fmt::format("networks.{}", name));
            const auto network = project_.networks.find(name);
            if (network == project_.networks.end()) {
                undefined(service, "network", name, project_.networks, where);
                continue;
            }
            const std::string& address = attachment.ipv4_address;
            if (address.empty() || network->second.external) continue;
            const auto& subnets = network->second.ipam;
            const bool held = std::any_of(
                subnets.begin(), subnets.end(),
                [&address](const IpamConfig& config) { return subnet_holds(config.subnet, address); });
            if (!held)
                error(service, "address", fmt::format("no subnet of network \"{}\" holds {}", name, address),
                      where)
                    .hint = fmt::format("give the network one: networks.{}.ipam.config", name);
        }
    }

    void check_mounts(const Service& service) {
        std::map<std::string, const VolumeMount*> targets;
        for (const VolumeMount& mount : service.volumes) {
            const auto [first, is_new] = targets.emplace(mount.target, &mount);
            if (!is_new)
                error(service, "duplicate-target", fmt::format("{} is mounted twice", mount.target),
                      mount.position)
                    .related.push_back({"first here", first->second->position});
            if (mount.type == VolumeMount::Type::volume && !mount.source.empty() &&
                !project_.volumes.contains(mount.source))
                undefined_volume(service, mount);
        }
    }

    void undefined_volume(const Service& service, const VolumeMount& mount) {
        Diagnostic& diagnostic = undefined(service, "volume", mount.source, project_.volumes, mount.position);
        if (!diagnostic.hint.empty()) return;
        diagnostic.hint =
            mount.source.find('/') != std::string::npos
                ? fmt::format("a path begins with \"./\": ./{}:{}", mount.source, mount.target)
                : fmt::format("declare it at the top level: volumes: {{{}: {{}}}}", mount.source);
    }

    template <class Sources>
    void check_grants(const Service& service, const std::vector<FileGrant>& grants, const Sources& sources,
                      std::string_view what) {
        std::map<std::string, const FileGrant*> targets;
        for (const FileGrant& grant : grants) {
            if (!sources.contains(grant.source))
                undefined(service, what, grant.source, sources, grant.position);
            const auto [first, is_new] = targets.emplace(grant.target, &grant);
            if (!is_new)
                error(service, "duplicate-target", fmt::format("{} is mounted twice", grant.target),
                      grant.position)
                    .related.push_back({"first here", first->second->position});
        }
    }

    void check_dependency(const Service& service, const std::string& name) {
        if (project_.services.contains(name)) return;
        const Position where = place(service, fmt::format("depends_on.{}", name));
        const auto disabled = project_.disabled_services.find(name);
        if (disabled == project_.disabled_services.end()) {
            undefined(service, "service", name, project_.services, where);
            return;
        }
        error(service, "disabled-dependency",
              fmt::format("service \"{}\" depends on \"{}\", which is switched off by its profile",
                          service.name, name),
              where)
            .hint = fmt::format("add --profile {}, or \"required: false\"", disabled->second.profiles[0]);
    }

    template <class Map>
    Diagnostic& undefined(const Service& service, std::string_view what, const std::string& name,
                          const Map& known, const Position& where) {
        Diagnostic& diagnostic = error(
            service, "undefined",
            fmt::format("service \"{}\" refers to undefined {} \"{}\"", service.name, what, name), where);
        if (const auto near = nearest(name, keys_of(known)))
            diagnostic.hint = fmt::format("did you mean \"{}\"?", *near);
        return diagnostic;
    }

    void check_container_names() {
        std::map<std::string, const Service*> names;
        for (const auto& [key, service] : project_.services) {
            if (service.container_name.empty()) continue;
            const auto [first, is_new] = names.emplace(service.container_name, &service);
            if (!is_new)
                error(service, "conflict",
                      fmt::format("services \"{}\" and \"{}\" have the same container_name",
                                  first->second->name, key),
                      place(service, "container_name"))
                    .related.push_back({"first here", place(*first->second, "container_name")});
        }
    }

    // Depth first with a stack of its own: a chain of dependencies may be as long as the file.
    void check_cycles() {
        enum class Mark : char { unseen, on_path, done };
        struct Step {
            const Service* service;
            std::map<std::string, Dependency>::const_iterator next;
        };
        std::map<std::string_view, Mark> marks;
        for (const auto& [root_name, root] : project_.services) {
            if (marks[root_name] != Mark::unseen) continue;
            std::vector<Step> path{{&root, root.depends_on.begin()}};
            marks[root_name] = Mark::on_path;
            while (!path.empty()) {
                Step& step = path.back();
                if (step.next == step.service->depends_on.end()) {
                    marks[step.service->name] = Mark::done;
                    path.pop_back();
                    continue;
                }
                const std::string& name = (step.next++)->first;
                const auto target = project_.services.find(name);
                if (target == project_.services.end()) continue;
                Mark& mark = marks[target->first];
                if (mark == Mark::unseen) {
                    mark = Mark::on_path;
                    path.push_back({&target->second, target->second.depends_on.begin()});
                } else if (mark == Mark::on_path) {
                    std::vector<const Service*> cycle;
                    for (const Step& on_path : path) cycle.push_back(on_path.service);
                    report_cycle(std::move(cycle), target->second);
                }
            }
        }
    }

    // `path` ends with the service that depends on `back_to`, which is on the path.
    void report_cycle(std::vector<const Service*> path, const Service& back_to) {
        path.erase(path.begin(), std::find(path.begin(), path.end(), &back_to));
        constexpr std::size_t kShown = 20;
        std::string text;
        for (std::size_t i = 0; i < path.size(); ++i) {
            if (i == kShown) text += fmt::format("… ({} more) -> ", path.size() - kShown);
            if (i < kShown) text += path[i]->name + " -> ";
        }
        text += back_to.name;
        const auto edge = [&](std::size_t i) {
            const Service& to = i + 1 < path.size() ? *path[i + 1] : back_to;
            return std::pair{fmt::format("{} depends on {}", path[i]->name, to.name),
                             place(*path[i], fmt::format("depends_on.{}", to.name))};
        };
        Diagnostic& diagnostic =
            error(*path[0], "dependency-cycle", fmt::format("dependency cycle: {}", text), edge(0).second);
        for (std::size_t i = 1; i < std::min(path.size(), kShown); ++i) {
            auto [message, position] = edge(i);
            diagnostic.related.push_back({std::move(message), std::move(position)});
        }
        diagnostic.hint = "remove one of these dependencies";
    }

    void check_files(const std::map<std::string, FileSource>& sources, std::string_view what,
                     std::vector<FileGrant> Service::*grants) {
        std::set<std::string> used;
        for (const auto& [name, service] : project_.services)
            for (const FileGrant& grant : service.*grants) used.insert(grant.source);
        for (const auto& [key, source] : sources) {
            if (source.file.empty() || !used.contains(key) || path_exists(source.file)) continue;
            reporter_
                .error("missing-file",
                       fmt::format("the file of {} \"{}\" does not exist: {}", what, key, source.file),
                       source.position)
                .hint = "paths are relative to the project directory";
        }
    }

    Diagnostic& error(const Service& service, std::string code, std::string message, const Position& where) {
        Diagnostic& diagnostic = reporter_.error(std::move(code), std::move(message), where);
        diagnostic.service = service.name;
        return diagnostic;
    }

    static Position place(const Service& service, const std::string& key) {
        const auto found = service.positions.find(key);
        return found == service.positions.end() ? service.position : found->second;
    }

    Project& project_;
    Reporter& reporter_;
    std::set<std::string> faulty_;
};

}  // namespace

void check_consistency(Project& project, Reporter& reporter) {
    ConsistencyCheck{project, reporter}.run();
}

}  // namespace stack::compose
