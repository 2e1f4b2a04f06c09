#include "manager/compose/key_support.hpp"

#include "manager/compose/key_walk.hpp"
#include "manager/compose/node_reporter.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/used_resources.hpp"
#include "manager/compose/user_namespace_mode.hpp"
#include "manager/compose/value_forms.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class SupportCheck {
  public:
    SupportCheck(const Tree& tree, LoadPurpose purpose, Reporter& reporter)
        : reporter_{tree, reporter}, is_run_{purpose == LoadPurpose::run} {}

    void run(Node& root) {
        const UsedResources used = used_resources(root);
        for (const char* kind : {"services", "networks", "volumes", "secrets", "configs", "models"}) {
            Node* map = usable_member(root, kind);
            if (!map || !map->is_mapping()) continue;
            const auto names = used.find(kind);
            for (Entry& entry : map->items()) {
                const bool is_service = std::string_view{kind} == "services";
                if (!is_service && (names == used.end() || !names->second.contains(entry.key->text)))
                    continue;
                check_member(kind, *entry.key, *entry.value);
            }
        }
    }

  private:
    void check_member(std::string_view kind, const Node& name, Node& member) {
        if (!member.is_mapping() || member.broken) return;
        if (kind == "services") reporter_.service = name.text;
        place_ = fmt::format("{}.{}", kind, name.text);
        auto visit = [this](const Entry& entry, const KeyNode& keys) { return check_key(entry, *keys.row); };
        walk_keys(member, *key_tree().members.at(kind)->named, visit);
        if (kind == "services") {
            warn_of_values(member);
            warn_of_log_options(member);
        }
        if (is_run_ && kind == "services") check_service_values(member);
        if (is_run_ && kind == "networks") {
            expect_driver(member, "bridge", "network");
            if (const Node* ipam = usable_member(member, "ipam")) expect_driver(*ipam, "default", "IPAM");
        }
        if (is_run_ && kind == "volumes") expect_driver(member, "local", "volume");
        reporter_.service.clear();
    }

    // True when the keys below are worth looking at.
    bool check_key(const Entry& entry, const KeyRow& row) {
        if (says_nothing(*entry.value, row)) return false;
        if (row.state == KeyState::ignored)
            reporter_.warning("ignored-key", fmt::format("{} is ignored: {}", path_of(row), row.remark),
                              *entry.key);
        if (row.state != KeyState::later) return row.state != KeyState::ignored;
        if (is_run_)
            reporter_.error("not-supported", fmt::format("{} is not supported yet", path_of(row)),
                            *entry.key);
        return false;
    }

    // The value that is the default anyway.
    static bool says_nothing(const Node& value, const KeyRow& row) {
        if (!value.is_scalar()) return value.count == 0;
        const bool is_on = row.path == "services.*.attach" || row.path == "networks.*.enable_ipv4";
        return row.shape == Shape::boolean && value.text == (is_on ? "true" : "false");
    }

    // `services.*.build.args` is services.web.build.args here.
    [[nodiscard]] std::string path_of(const KeyRow& row) const {
        const std::size_t star = row.path.find('*');
        return place_ + std::string{row.path.substr(star + 1)};
    }

    void not_supported(const Node& where, std::string message, std::string hint = {}) {
        reporter_.error("not-supported", std::move(message), where).hint = std::move(hint);
    }

    void check_service_values(const Node& service) {
        if (const Node* policy = usable_member(service, "pull_policy"); policy && policy->text == "build")
            not_supported(*policy, "pull_policy \"build\" is not supported yet",
                          "fetch the image instead, with missing or always");
        expect_one_of(usable_member(service, "platform"), host_platforms(), "platform");
        if (const Node* mode = usable_member(service, "userns_mode");
            mode && is_podman_userns_mode(mode->text))
            not_supported(
                *mode, fmt::format("userns_mode \"{}\" is not supported", mode->text),
                "write private; ids of the host that files should have are mapped by themselves, and "
                "user: says who runs the command");
        if (const Node* devices = usable_member(service, "devices"))
            for (const Entry& device : devices->items())
                if (const Node* source = usable_member(*device.value, "source");
                    source && !source->text.starts_with('/') && !is_qualified_device(source->text))
                    not_supported(
                        *source, fmt::format("\"{}\" names no device", source->text),
                        "write the path of a node, /dev/..., or a name of CDI: vendor.com/class=name");
        check_device_requests(usable_member(service, "gpus"));
        if (const Node* reservations = reservations_of(service))
            check_device_requests(usable_member(*reservations, "devices"));
        if (const Node* links = usable_member(service, "links"))
            for (const Entry& link : links->items()) check_link(*link.value);
        if (const Node* mounts = usable_member(service, "volumes"))
            for (const Entry& mount : mounts->items())
                if (const Node* type = usable_member(*mount.value, "type"); type && type->text == "image")
                    not_supported(*type, "volumes of type \"image\" are not supported yet");
        if (const Node* logging = usable_member(service, "logging"))
            if (const Node* driver = usable_member(*logging, "driver"); driver && is_log_driver(driver->text))
                expect_one_of(driver, {"json-file", "local"}, "the log driver");
    }

    static const Node* reservations_of(const Node& service) {
        const Node* deploy = usable_member(service, "deploy");
        const Node* resources = deploy ? usable_member(*deploy, "resources") : nullptr;
        return resources ? usable_member(*resources, "reservations") : nullptr;
    }

    // Who carries out a request are the CDI files of a vendor: it must be known which vendor is meant.
    void check_device_requests(const Node* list) {
        if (!list) return;
        for (const Entry& request : list->items()) {
            const std::string driver = member_text(*request.value, "driver");
            const std::vector<std::string> wanted = strings_value(request.value->find("capabilities"));
            const bool gpu = wanted.empty() || std::find(wanted.begin(), wanted.end(), "gpu") != wanted.end();
            if (driver == "cdi" || is_device_kind(driver) || (gpu && is_gpu_driver(driver))) continue;
            not_supported(
                *request.value,
                driver.empty() ? fmt::format("no driver is known for the capabilities {}", join(wanted, ", "))
                               : fmt::format("there is no device driver \"{}\"", driver),
                "the drivers are nvidia and amd for gpu, cdi with full names as device_ids, and any "
                "kind of CDI: vendor.com/class");
        }
    }
    static bool is_gpu_driver(std::string_view name) {
        return name.empty() || name == "nvidia" || name == "amd";
    }

    // Those of the Compose format that write somewhere on this host, or nowhere.
    static bool is_log_driver(std::string_view name) {
        static const std::set<std::string_view> kDrivers = {"json-file", "local", "none", "journald",
                                                            "syslog"};
        return kDrivers.contains(name);
    }

    void expect_one_of(const Node* value, const std::vector<std::string>& supported, std::string_view what) {
        if (!value || std::find(supported.begin(), supported.end(), value->text) != supported.end()) return;
        not_supported(*value, fmt::format("{} \"{}\" is not supported yet", what, value->text),
                      fmt::format("{} {}", join(supported, " and "), supported.size() == 1 ? "is" : "are"));
    }

    static const std::vector<std::string>& host_platforms() {
#if defined(__x86_64__)
        static const std::vector<std::string> kPlatforms = {"linux", "linux/amd64", "linux/x86_64"};
#elif defined(__aarch64__)
        static const std::vector<std::string> kPlatforms = {"linux", "linux/arm64", "linux/arm64/v8",
                                                            "linux/aarch64"};
#else
        static const std::vector<std::string> kPlatforms = {"linux"};
#endif
        return kPlatforms;
    }

    // Values that the runtime replaces by one that it has.
    void warn_of_values(const Node& service) {
        if (const Node* logging = usable_member(service, "logging"))
            if (const Node* driver = usable_member(*logging, "driver");
                driver && !is_log_driver(driver->text))
                reporter_.warning(
                    "ignored-value",
                    fmt::format("there is no log driver \"{}\"; the output goes to the built-in log files",
                                driver->text),
                    *driver);
        if (const Node* deploy = usable_member(service, "deploy"))
            if (const Node* mode = usable_member(*deploy, "mode"); mode && mode->text.ends_with("-job"))
                reporter_.warning("ignored-value",
                                  fmt::format("deploy.mode \"{}\" is run as \"{}\"", mode->text,
                                              mode->text.substr(0, mode->text.size() - 4)),
                                  *mode);
    }

    void warn_of_log_options(const Node& service) {
        const Node* logging = usable_member(service, "logging");
        const Node* options = logging ? usable_member(*logging, "options") : nullptr;
        if (!options) return;
        for (const Entry& option : options->items())
            if (option.key->text != "max-size" && option.key->text != "max-file")
                reporter_.warning("ignored-key",
                                  fmt::format("the log option \"{}\" is ignored", option.key->text),
                                  *option.key);
    }

    void check_link(const Node& link) {
        const std::size_t colon = link.text.find(':');
        if (colon == std::string_view::npos || link.text.substr(colon + 1) == link.text.substr(0, colon))
            return;
        not_supported(link, fmt::format("a link with an alias is not supported yet: \"{}\"", link.text),
                      "give the service an alias on the network: networks.NAME.aliases");
    }

    void expect_driver(const Node& map, const std::string& driver, std::string_view what) {
        if (!boolean_value(map.find("external")).value_or(false))
            expect_one_of(usable_member(map, "driver"), {driver}, fmt::format("the {} driver", what));
    }

    NodeReporter reporter_;
    bool is_run_;
    std::string place_;
};

}  // namespace

void check_support(const Tree& tree, Node& root, LoadPurpose purpose, Reporter& reporter) {
    SupportCheck{tree, purpose, reporter}.run(root);
}

}  // namespace stack::compose
