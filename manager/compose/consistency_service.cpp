// How the keys of one service fit together.
#include "manager/compose/consistency.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/short_syntax.hpp"
#include "manager/compose/user_namespace_mode.hpp"
#include "manager/compose/value_forms.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class ServiceConsistency {
  public:
    ServiceConsistency(const ConsistencyContext& context, const Entry& service)
        : reporter_{context.reporter},
          name_{*service.key},
          map_{*service.value},
          is_faulty_{context.faulty.contains(std::string{service.key->text})} {}

    void run() {
        check_origin();
        check_network_mode();
        check_uts();
        check_user_namespace();
        check_mac_address();
        check_targets();
        check_replicas();
        check_limits();
        check_health();
        check_devices(usable_member(map_, "gpus"));
        check_devices(below({"deploy", "resources", "reservations", "devices"}));
        check_watch_rules();
    }

  private:
    const Node* below(std::initializer_list<std::string_view> path) const {
        const Node* node = &map_;
        for (const std::string_view key : path)
            if (!(node = usable_member(*node, key))) return nullptr;
        return node;
    }

    void conflict(const Node& where, std::string message, const Node& other, std::string other_message,
                  std::string hint) {
        Diagnostic& diagnostic = reporter_.error("conflict", std::move(message), where);
        diagnostic.related.push_back({std::move(other_message), reporter_.position(other)});
        diagnostic.hint = std::move(hint);
    }

    void check_origin() {
        // A misspelt `image` has been reported; that it is missing then is no news.
        if (!map_.find("image") && !map_.find("build") && !map_.find("provider") && !is_faulty_)
            reporter_.error("no-image", fmt::format("service \"{}\" has no image", name_.text), name_).hint =
                "add \"image: NAME\"";
        const Node* build = usable_member(map_, "build");
        if (!build || !build->is_mapping()) return;
        const Node* file = build->find("dockerfile");
        const Node* inline_text = build->find("dockerfile_inline");
        if (file && inline_text)
            conflict(*inline_text, "a build can't have both dockerfile and dockerfile_inline", *file,
                     "dockerfile is given here", "give one of the two");
        check_platforms(*build);
    }

    void check_platforms(const Node& build) {
        const Node* platform = usable_member(map_, "platform");
        const Node* platforms = usable_member(build, "platforms");
        if (!platform || !platforms || platforms->count == 0) return;
        for (const Entry& one : platforms->items())
            if (one.value->broken || one.value->text == platform->text) return;
        conflict(*platforms,
                 fmt::format("build.platforms does not contain the platform \"{}\"", platform->text),
                 *platform, "platform is given here", "add it to the list");
    }

    void check_uts() {
        const Node* uts = usable_member(map_, "uts");
        if (!uts || uts->text != "host") return;
        for (const char* key : {"hostname", "domainname"})
            if (const Node* name = usable_member(map_, key))
                conflict(
                    *name,
                    fmt::format("a service with the host's uts namespace can't have a {} of its own", key),
                    *uts, "uts is given here", "it would rename the host");
    }

    // What takes rights over the host's own namespaces or devices, and a user namespace takes those away.
    void check_user_namespace() {
        const Node* mode = usable_member(map_, "userns_mode");
        if (!mode || user_namespace_ids(mode->text).value_or(0) == 0) return;
        const auto refuse = [&](const Node& where, std::string what, std::string hint) {
            conflict(where,
                     fmt::format("a service with a user namespace of its own can't have {}", std::move(what)),
                     *mode, "userns_mode is given here", std::move(hint));
        };
        for (const char* key : {"network_mode", "pid", "ipc", "cgroup"}) {
            const Node* value = usable_member(map_, key);
            if (value && value->text == "host")
                refuse(*value, fmt::format("the host's namespace by {}", key),
                       fmt::format("leave {} out, or write userns_mode: host", key));
            else if (value && is_service_reference(value->text))
                refuse(*value, fmt::format("{} in common with another container", key),
                       "its ids mean nothing there; give both the host's by userns_mode: host");
        }
        if (const Node* privileged = usable_member(map_, "privileged");
            privileged && boolean_value(privileged).value_or(false))
            refuse(*privileged, "privileged: true",
                   "cap_add gives capabilities that hold within the namespace");
        if (const Node* devices = usable_member(map_, "devices"))
            for (const Entry& device : devices->items()) check_mapped_device(*device.value, refuse);
        const Node* reserved = below({"deploy", "resources", "reservations", "devices"});
        for (const Node* requests : {static_cast<const Node*>(usable_member(map_, "gpus")), reserved})
            if (requests && requests->count > 0)
                refuse(*requests, "devices by CDI", "their files are made for the ids of the host");
    }

    // A node can't be made in a user namespace: the host's own is bound, as it is.
    template <class Refuse>
    void check_mapped_device(const Node& device, const Refuse& refuse) {
        const Node* source = usable_member(device, "source");
        if (!source) return;
        if (!source->text.starts_with('/'))
            refuse(*source, "devices by CDI", "their files are made for the ids of the host");
        else if (member_text(device, "target") != source->text)
            refuse(*source, "a device under another name",
                   fmt::format("write {}: the host's node is shown, with the host's access rights",
                               source->text));
    }

    void check_network_mode() {
        const Entry* networks = map_.find_entry("networks");
        const Node* mode = usable_member(map_, "network_mode");
        if (!mode) return;
        if (networks)
            conflict(*mode, fmt::format("service \"{}\" has both network_mode and networks", name_.text),
                     *networks->key, "networks", "");
        if (is_service_reference(mode->text)) return check_shared_network(*mode);
        const Node* ports = usable_member(map_, "ports");
        if (ports && ports->count > 0 && mode->text != "bridge")
            reporter_.warning(
                "ignored-key",
                fmt::format("published ports have no effect with network_mode \"{}\"", mode->text),
                *ports->items()[0].value);
    }

    // What belongs to a network namespace belongs to the service that has it.
    void check_shared_network(const Node& mode) {
        for (const char* key : {"ports", "hostname", "domainname", "extra_hosts", "dns", "dns_search",
                                "dns_opt", "links", "mac_address"}) {
            const Entry* entry = map_.find_entry(key);
            if (!entry || entry->value->is_null() || entry->value->broken) continue;
            if (!entry->value->is_scalar() && entry->value->count == 0) continue;
            conflict(
                *entry->key,
                fmt::format("a service with the network of another container can't have {} of its own", key),
                mode, "network_mode is given here", fmt::format("give {} to the other one", key));
        }
    }

    // The service's address is that of its first network, by priority and then by name.
    void check_mac_address() {
        const Node* own = usable_member(map_, "mac_address");
        const Node* networks = usable_member(map_, "networks");
        if (!own || !networks || networks->count == 0) return;
        const auto rank = [](const Entry& entry) {
            return std::pair{-integer_value(entry.value->find("priority")).value_or(0), entry.key->text};
        };
        const auto items = networks->items();
        const auto first =
            std::min_element(items.begin(), items.end(),
                             [&rank](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
        const Node* other = usable_member(*first->value, "mac_address");
        if (other && other->text != own->text)
            conflict(*own,
                     fmt::format("this differs from the mac_address on network \"{}\"", first->key->text),
                     *other, "mac_address is given here", "give one of the two");
    }

    void check_targets() {
        std::map<std::string, const Node*> mounts;
        if (const Node* list = usable_member(map_, "volumes"))
            for (const Entry& entry : list->items())
                once(mounts, member_text(*entry.value, "target"), *entry.value);
        if (const Node* list = usable_member(map_, "tmpfs"))
            for (const Entry& entry : list->items())
                if (is_usable(entry.value))
                    once(mounts, clean_path(entry.value->text.substr(0, entry.value->text.find(':'))),
                         *entry.value);
        for (const char* kind : {"secrets", "configs"}) {
            std::map<std::string, const Node*> grants;
            if (const Node* list = usable_member(map_, kind))
                for (const Entry& entry : list->items())
                    once(grants, member_text(*entry.value, "target"), *entry.value);
        }
    }

    void once(std::map<std::string, const Node*>& targets, const std::string& target, const Node& item) {
        if (target.empty() || item.broken) return;
        const auto [first, is_new] = targets.emplace(target, &item);
        if (!is_new) conflict_of_targets(target, item, *first->second);
    }

    void conflict_of_targets(const std::string& target, const Node& item, const Node& first) {
        reporter_.error("duplicate-target", fmt::format("{} is mounted twice", target), item)
            .related.push_back({"first here", reporter_.position(first)});
    }

    // ---- the service's own keys and those of deploy --------------------------------------------------------------

    void check_replicas() {
        const Node* scale = usable_member(map_, "scale");
        const Node* replicas = below({"deploy", "replicas"});
        if (scale && replicas && integer_value(scale) != integer_value(replicas))
            differ(*replicas, "scale", *scale);
        const auto count = integer_value(replicas ? replicas : scale).value_or(1);
        const Node* name = usable_member(map_, "container_name");
        if (name && count > 1)
            reporter_
                .error("conflict",
                       fmt::format("service \"{}\" has a container_name, so it can't have {} replicas",
                                   name_.text, count),
                       *name)
                .hint = "a container name can be given once; remove it, or the scale";
    }

    void check_limits() {
        compare(below({"deploy", "resources", "limits", "cpus"}), "cpus");
        compare(below({"deploy", "resources", "limits", "memory"}), "mem_limit");
        compare(below({"deploy", "resources", "limits", "pids"}), "pids_limit");
        compare(below({"deploy", "resources", "reservations", "memory"}), "mem_reservation");
    }

    // Zero means not given.
    void compare(const Node* deployed, std::string_view key) {
        const Node* own = usable_member(map_, key);
        const double a = number_value(own).value_or(0), b = number_value(deployed).value_or(0);
        if (a != 0 && b != 0 && std::fabs(a - b) > 1e-9) differ(*deployed, key, *own);
    }

    void differ(const Node& deployed, std::string_view key, const Node& own) {
        conflict(deployed, fmt::format("this differs from the service's {}", key), own,
                 fmt::format("{} is given here", key), "give one of the two");
    }

    // ---- smaller groups ------------------------------------------------------------------------------------------

    void check_health() {
        const Node* check = usable_member(map_, "healthcheck");
        const Node* interval = check ? usable_member(*check, "start_interval") : nullptr;
        if (!interval || check->find("start_period")) return;
        reporter_.error("value", "start_interval needs start_period", *interval).hint =
            "add start_period, the time in which start_interval applies";
    }

    void check_devices(const Node* requests) {
        if (!requests) return;
        for (const Entry& request : requests->items()) {
            const Node* count = usable_member(*request.value, "count");
            const Node* ids = usable_member(*request.value, "device_ids");
            if (count && ids)
                conflict(*count, "count and device_ids exclude one another", *ids,
                         "device_ids are given here", "give one of the two");
        }
    }

    void check_watch_rules() {
        const Node* rules = below({"develop", "watch"});
        if (!rules) return;
        for (const Entry& entry : rules->items()) {
            const Node& rule = *entry.value;
            const std::string action = member_text(rule, "action");
            if (rule.broken || !action.starts_with("sync") || usable_member(rule, "target")) continue;
            reporter_
                .error("value", fmt::format("the action {} needs a target", action), *rule.find("action"))
                .hint = "target is the path inside the container that the files are copied to";
        }
    }

    NodeReporter& reporter_;
    const Node& name_;
    const Node& map_;
    bool is_faulty_;
};

}  // namespace

void check_service_consistency(const ConsistencyContext& context, const Entry& service) {
    ServiceConsistency{context, service}.run();
}

}  // namespace stack::compose
