#include "manager/compose/key_support.hpp"

#include "manager/compose/key_walk.hpp"
#include "manager/compose/node_reporter.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/used_resources.hpp"

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
        if (!member.is_mapping()) return;
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
            expect_driver(member, "network", "bridge");
            if (const Node* ipam = usable_member(member, "ipam")) expect_driver(*ipam, "IPAM", "default");
        }
        if (is_run_ && kind == "volumes") expect_driver(member, "volume", "local");
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
        if (const Node* mode = usable_member(service, "network_mode"))
            if (mode->text != "none" && mode->text != "host")
                not_supported(*mode, fmt::format("network_mode \"{}\" is not supported yet", mode->text));
        if (const Node* links = usable_member(service, "links"))
            for (const Entry& link : links->items()) check_link(*link.value);
        if (const Node* mounts = usable_member(service, "volumes"))
            for (const Entry& mount : mounts->items())
                if (const Node* type = usable_member(*mount.value, "type"); type && type->text == "image")
                    not_supported(*type, "volumes of type \"image\" are not supported yet");
        if (const Node* logging = usable_member(service, "logging"))
            if (const Node* driver = usable_member(*logging, "driver"))
                if (driver->text == "none" || driver->text == "journald" || driver->text == "syslog")
                    not_supported(*driver,
                                  fmt::format("the log driver \"{}\" is not supported yet", driver->text),
                                  "json-file and local are");
    }

    // Values that the runtime replaces by one that it has.
    void warn_of_values(const Node& service) {
        static const std::set<std::string_view> kLogDrivers = {"json-file", "local", "none", "journald",
                                                               "syslog"};
        if (const Node* logging = usable_member(service, "logging"))
            if (const Node* driver = usable_member(*logging, "driver");
                driver && !kLogDrivers.contains(driver->text))
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

    void expect_driver(const Node& map, std::string_view what, std::string_view wanted) {
        const Node* driver = usable_member(map, "driver");
        if (!driver || driver->text == wanted || boolean_value(map.find("external")).value_or(false)) return;
        not_supported(*driver, fmt::format("the {} driver \"{}\" is not supported yet", what, driver->text),
                      fmt::format("\"{}\" is", wanted));
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
