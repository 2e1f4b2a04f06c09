#include "manager/compose/config_output.hpp"

#include "manager/compose/scalar.hpp"
#include "runtime/base/units.hpp"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::compose {

namespace {

using Json = nlohmann::json;  // objects are sorted by key

// ---- model -> canonical compose document ----------------------------------------------------------------------------

class Canonical {
  public:
    Canonical(const Project& project, const ConfigOutputOptions& options)
        : project_{project}, options_{options} {}

    [[nodiscard]] Json document() {
        Json root{{"name", text(project_.name)}};
        Json services = Json::object();
        for (const auto& [name, one] : project_.services) services[name] = service(one);
        root["services"] = std::move(services);
        const Used used = used_resources();
        add(root, "networks", project_.networks, used.networks,
            [this](const Network& n) { return network(n); });
        add(root, "volumes", project_.volumes, used.volumes, [this](const Volume& v) { return volume(v); });
        add(root, "secrets", project_.secrets, used.secrets,
            [this](const FileSource& f) { return source(f); });
        add(root, "configs", project_.configs, used.configs,
            [this](const FileSource& f) { return source(f); });
        return root;
    }

  private:
    struct Used {
        std::set<std::string> networks, volumes, secrets, configs;
    };

    [[nodiscard]] Used used_resources() const {
        Used used;
        for (const auto& [name, service] : project_.services) {
            for (const auto& [network, attachment] : service.networks) used.networks.insert(network);
            for (const VolumeMount& mount : service.volumes)
                if (mount.type == VolumeMount::Type::volume) used.volumes.insert(mount.source);
            for (const FileGrant& grant : service.secrets) used.secrets.insert(grant.source);
            for (const FileGrant& grant : service.configs) used.configs.insert(grant.source);
        }
        return used;
    }

    template <class Map, class Write>
    void add(Json& root, const char* key, const Map& resources, const std::set<std::string>& used,
             Write write) const {
        for (const auto& [name, resource] : resources)
            if (options_.all_resources || used.contains(name)) root[key][name] = write(resource);
    }

    // Loading the output again must not see a variable in it.
    [[nodiscard]] std::string text(std::string_view value) const {
        if (!options_.double_dollars) return std::string{value};
        std::string result;
        for (const char c : value) {
            result += c;
            if (c == '$') result += '$';
        }
        return result;
    }
    [[nodiscard]] Json list(const std::vector<std::string>& values) const {
        Json result = Json::array();
        for (const std::string& value : values) result.push_back(text(value));
        return result;
    }
    [[nodiscard]] Json map(const std::map<std::string, std::string>& values) const {
        Json result = Json::object();
        for (const auto& [key, value] : values) result[key] = text(value);
        return result;
    }
    void set(Json& json, const char* key, const std::string& value) const {
        if (!value.empty()) json[key] = text(value);
    }
    void set(Json& json, const char* key, const std::vector<std::string>& values) const {
        if (!values.empty()) json[key] = list(values);
    }
    void set(Json& json, const char* key, const std::map<std::string, std::string>& values) const {
        if (!values.empty()) json[key] = map(values);
    }
    void set(Json& json, const char* key, const std::optional<Duration>& value) const {
        if (value) json[key] = format_duration(*value);
    }
    void set(Json& json, const char* key, bool value) const {
        if (value) json[key] = true;
    }
    static void set_bytes(Json& json, const char* key, const std::optional<std::int64_t>& value) {
        if (value) json[key] = std::to_string(*value);
    }
    static std::string octal(std::uint32_t mode) { return fmt::format("{:04o}", mode); }

    [[nodiscard]] Json service(const Service& s) const {
        Json json = Json::object();
        set(json, "image", s.image);
        if (s.command) json["command"] = list(*s.command);
        if (s.entrypoint) json["entrypoint"] = list(*s.entrypoint);
        for (const auto& [name, value] : s.environment)
            json["environment"][name] = value ? Json(text(*value)) : Json(nullptr);
        set(json, "working_dir", s.working_dir);
        set(json, "user", s.user);
        set(json, "hostname", s.hostname);
        set(json, "container_name", s.container_name);
        if (s.init) json["init"] = *s.init;
        set(json, "tty", s.tty);
        set(json, "stdin_open", s.stdin_open);
        set(json, "read_only", s.read_only);
        set(json, "labels", s.labels);
        for (const auto& [name, dependency] : s.depends_on)
            json["depends_on"][name] = this->dependency(dependency);
        if (s.healthcheck) json["healthcheck"] = healthcheck(*s.healthcheck);
        restart(json, s.restart);
        set(json, "stop_signal", s.stop_signal);
        set(json, "stop_grace_period", s.stop_grace_period);
        for (const Port& port : s.ports) json["ports"].push_back(this->port(port));
        set(json, "expose", s.expose);
        for (const VolumeMount& mount : s.volumes) {
            if (mount.tmpfs_options.empty())
                json["volumes"].push_back(this->mount(mount));
            else
                json["tmpfs"].push_back(tmpfs(mount));
        }
        for (const auto& [name, attachment] : s.networks)
            json["networks"][name] = this->attachment(attachment);
        set(json, "network_mode", s.network_mode);
        for (const FileGrant& grant : s.secrets) json["secrets"].push_back(this->grant(grant));
        for (const FileGrant& grant : s.configs) json["configs"].push_back(this->grant(grant));
        set(json, "cap_add", s.cap_add);
        set(json, "cap_drop", s.cap_drop);
        set_bytes(json, "mem_limit", s.mem_limit_bytes);
        set_bytes(json, "mem_reservation", s.mem_reservation_bytes);
        if (s.cpus) json["cpus"] = *s.cpus;
        if (s.pids_limit) json["pids_limit"] = *s.pids_limit;
        for (const auto& [name, limit] : s.ulimits)
            json["ulimits"][name] = {{"soft", limit.soft}, {"hard", limit.hard}};
        set(json, "sysctls", s.sysctls);
        for (const auto& [host, address] : s.extra_hosts)
            json["extra_hosts"].push_back(text(fmt::format("{}={}", host, address)));
        set(json, "profiles", s.profiles);
        logging(json, s.logging);
        if (s.scale != 1) json["scale"] = s.scale;
        return json;
    }

    [[nodiscard]] Json dependency(const Dependency& dependency) const {
        static constexpr const char* kConditions[] = {"service_started", "service_healthy",
                                                      "service_completed_successfully"};
        Json json{{"condition", kConditions[static_cast<std::size_t>(dependency.condition)]},
                  {"required", dependency.required}};
        set(json, "restart", dependency.restart);
        return json;
    }

    [[nodiscard]] Json healthcheck(const Healthcheck& check) const {
        Json json = Json::object();
        set(json, "test", check.test);
        set(json, "interval", check.interval);
        set(json, "timeout", check.timeout);
        set(json, "start_period", check.start_period);
        set(json, "start_interval", check.start_interval);
        if (check.retries) json["retries"] = *check.retries;
        set(json, "disable", check.disable);
        return json;
    }

    void restart(Json& json, const RestartPolicy& policy) const {
        static constexpr const char* kWords[] = {"no", "always", "on-failure", "unless-stopped"};
        static constexpr const char* kConditions[] = {"none", "any", "on-failure", "unless-stopped"};
        const auto kind = static_cast<std::size_t>(policy.kind);
        const bool fits_restart = !policy.delay && !policy.window &&
                                  (!policy.max_attempts || policy.kind == RestartPolicy::Kind::on_failure);
        if (fits_restart) {
            if (policy.kind == RestartPolicy::Kind::no) return;
            json["restart"] =
                policy.max_attempts ? fmt::format("{}:{}", kWords[kind], *policy.max_attempts) : kWords[kind];
            return;
        }
        Json& out = json["deploy"]["restart_policy"];
        out["condition"] = kConditions[kind];
        if (policy.max_attempts) out["max_attempts"] = *policy.max_attempts;
        set(out, "delay", policy.delay);
        set(out, "window", policy.window);
    }

    [[nodiscard]] Json port(const Port& port) const {
        Json json{{"mode", port.mode}, {"target", port.target}, {"protocol", port.protocol}};
        set(json, "published", port.published);
        set(json, "host_ip", port.host_ip);
        set(json, "name", port.name);
        set(json, "app_protocol", port.app_protocol);
        return json;
    }

    [[nodiscard]] Json mount(const VolumeMount& mount) const {
        static constexpr const char* kTypes[] = {"bind", "volume", "tmpfs"};
        Json json{{"type", kTypes[static_cast<std::size_t>(mount.type)]}, {"target", text(mount.target)}};
        set(json, "source", mount.source);
        set(json, "read_only", mount.read_only);
        if (mount.type == VolumeMount::Type::bind) {
            json["bind"] = {{"create_host_path", mount.create_host_path}};
            set(json["bind"], "propagation", mount.propagation);
        } else if (mount.type == VolumeMount::Type::volume) {
            json["volume"] = Json::object();
            set(json["volume"], "nocopy", mount.nocopy);
            set(json["volume"], "subpath", mount.subpath);
        } else {
            json["tmpfs"] = Json::object();
            if (mount.tmpfs_size_bytes) json["tmpfs"]["size"] = std::to_string(*mount.tmpfs_size_bytes);
            if (mount.tmpfs_mode) json["tmpfs"]["mode"] = octal(*mount.tmpfs_mode);
        }
        return json;
    }

    // Options such as noexec have a place in the short form only.
    [[nodiscard]] Json tmpfs(const VolumeMount& mount) const {
        std::string options;
        if (mount.read_only) options += ",ro";
        if (mount.tmpfs_size_bytes) options += fmt::format(",size={}", *mount.tmpfs_size_bytes);
        if (mount.tmpfs_mode) options += fmt::format(",mode={}", octal(*mount.tmpfs_mode));
        for (const std::string& option : mount.tmpfs_options) options += "," + option;
        options[0] = ':';
        return text(mount.target + options);
    }

    [[nodiscard]] Json attachment(const NetworkAttachment& attachment) const {
        Json json;
        set(json, "aliases", attachment.aliases);
        set(json, "ipv4_address", attachment.ipv4_address);
        if (attachment.priority != 0) json["priority"] = attachment.priority;
        return json;
    }

    [[nodiscard]] Json grant(const FileGrant& grant) const {
        Json json{{"source", text(grant.source)}, {"target", text(grant.target)}};
        set(json, "uid", grant.uid);
        set(json, "gid", grant.gid);
        if (grant.mode) json["mode"] = octal(*grant.mode);
        return json;
    }

    void logging(Json& json, const Logging& logging) const {
        Json out;
        set(out, "driver", logging.driver);
        if (logging.max_size_bytes) out["options"]["max-size"] = std::to_string(*logging.max_size_bytes);
        if (logging.max_file) out["options"]["max-file"] = std::to_string(*logging.max_file);
        if (!out.is_null()) json["logging"] = std::move(out);
    }

    [[nodiscard]] Json network(const Network& network) const {
        Json json{{"name", text(network.name)}};
        set(json, "external", network.external);
        set(json, "internal", network.internal);
        set(json, "labels", network.labels);
        for (const IpamConfig& config : network.ipam) {
            Json item = Json::object();
            set(item, "subnet", config.subnet);
            set(item, "gateway", config.gateway);
            set(item, "ip_range", config.ip_range);
            set(item, "aux_addresses", config.aux_addresses);
            json["ipam"]["config"].push_back(std::move(item));
        }
        return json;
    }

    [[nodiscard]] Json volume(const Volume& volume) const {
        Json json{{"name", text(volume.name)}};
        set(json, "external", volume.external);
        set(json, "labels", volume.labels);
        return json;
    }

    [[nodiscard]] Json source(const FileSource& source) const {
        Json json{{"name", text(source.name)}};
        set(json, "file", source.file);
        set(json, "environment", source.environment);
        if (source.environment.empty() && source.content) json["content"] = text(*source.content);
        return json;
    }

    const Project& project_;
    const ConfigOutputOptions& options_;
};

constexpr const char* kTopLevel[] = {"name", "services", "networks", "volumes", "secrets", "configs"};

// ---- document -> YAML -------------------------------------------------------------------------------------------

// True when the text reads back as that string without quotes, in YAML 1.1 readers as well.
bool is_plain_yaml(std::string_view text) {
    if (plain_scalar_type(text) != ScalarType::string) return false;
    constexpr std::string_view kOldWords[] = {"y",  "Y",  "n",  "N",  "yes", "Yes", "YES", "no", "No",
                                              "NO", "on", "On", "ON", "off", "Off", "OFF", "<<", "="};
    for (const std::string_view word : kOldWords)
        if (text == word) return false;
    const char first = text.front();
    if (text.back() == ' ' || text.back() == ':') return false;
    const bool digit = first >= '0' && first <= '9';
    if (digit && text.find_first_not_of("0123456789:-.") == std::string_view::npos &&
        text.find_first_of(":-") != std::string_view::npos)
        return false;  // dates, and 22:22, a number of base 60 for old readers
    const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
    const bool dash = first == '-' && text.size() > 1 && text[1] != ' ' && !text.starts_with("---");
    const bool legal_first =
        letter || digit || dash || std::string_view{"/._$(+^~\\"}.find(first) != std::string_view::npos;
    if (!legal_first) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c >= 0x7f) return false;
        if (c == ':' && i + 1 < text.size() && text[i + 1] == ' ') return false;
        if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
    }
    return true;
}

std::string quoted_yaml(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += '\\', out += c;
        else if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    return out + '"';
}

std::string scalar_yaml(const Json& value) {
    if (const auto* text = value.get_ptr<const std::string*>())
        return is_plain_yaml(*text) ? *text : quoted_yaml(*text);
    return value.dump();
}

void write_yaml(std::string& out, const Json& value, int indent, bool in_list);

void write_members(std::string& out, const Json& map, int indent, bool first_is_placed) {
    for (const auto& [key, value] : map.items()) {
        if (!first_is_placed) out.append(static_cast<std::size_t>(indent), ' ');
        first_is_placed = false;
        out += is_plain_yaml(key) ? key : quoted_yaml(key);
        out += ':';
        write_yaml(out, value, indent, false);
    }
}

// Behind `key:` or `-`; ends with a newline.
void write_yaml(std::string& out, const Json& value, int indent, bool in_list) {
    if (value.is_object() && !value.empty()) {
        if (in_list) {
            out += ' ';
            write_members(out, value, indent + 2, true);
        } else {
            out += '\n';
            write_members(out, value, indent + 2, false);
        }
    } else if (value.is_array() && !value.empty()) {
        out += '\n';
        for (const Json& item : value) {
            out.append(static_cast<std::size_t>(indent) + 2, ' ');
            out += '-';
            write_yaml(out, item, indent + 2, true);
        }
    } else {
        out += ' ' + (value.is_object() ? "{}" : value.is_array() ? "[]" : scalar_yaml(value)) + '\n';
    }
}

}  // namespace

std::string config_yaml(const Project& project, const ConfigOutputOptions& options) {
    const Json document = Canonical{project, options}.document();
    std::string out;
    for (const char* key : kTopLevel) {
        if (!document.contains(key)) continue;
        out += key;
        out += ':';
        write_yaml(out, document[key], 0, false);
    }
    return out;
}

std::string config_json(const Project& project, const ConfigOutputOptions& options) {
    const Json document = Canonical{project, options}.document();
    nlohmann::ordered_json ordered;
    for (const char* key : kTopLevel)
        if (document.contains(key)) ordered[key] = document[key];
    return ordered.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace stack::compose
