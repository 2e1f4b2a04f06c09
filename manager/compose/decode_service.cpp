// services.*: everything that is not ports and networks (decode_network.cpp), files (decode_files.cpp) or deploy
// (decode_deploy.cpp). One handler for each key.
#include "manager/compose/decode_context.hpp"
#include "manager/compose/scalar.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <string.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>

namespace stack::compose {

namespace {

constexpr std::array<std::string_view, 41> kCapabilities = {"CHOWN",
                                                            "DAC_OVERRIDE",
                                                            "DAC_READ_SEARCH",
                                                            "FOWNER",
                                                            "FSETID",
                                                            "KILL",
                                                            "SETGID",
                                                            "SETUID",
                                                            "SETPCAP",
                                                            "LINUX_IMMUTABLE",
                                                            "NET_BIND_SERVICE",
                                                            "NET_BROADCAST",
                                                            "NET_ADMIN",
                                                            "NET_RAW",
                                                            "IPC_LOCK",
                                                            "IPC_OWNER",
                                                            "SYS_MODULE",
                                                            "SYS_RAWIO",
                                                            "SYS_CHROOT",
                                                            "SYS_PTRACE",
                                                            "SYS_PACCT",
                                                            "SYS_ADMIN",
                                                            "SYS_BOOT",
                                                            "SYS_NICE",
                                                            "SYS_RESOURCE",
                                                            "SYS_TIME",
                                                            "SYS_TTY_CONFIG",
                                                            "MKNOD",
                                                            "LEASE",
                                                            "AUDIT_WRITE",
                                                            "AUDIT_CONTROL",
                                                            "SETFCAP",
                                                            "MAC_OVERRIDE",
                                                            "MAC_ADMIN",
                                                            "SYSLOG",
                                                            "WAKE_ALARM",
                                                            "BLOCK_SUSPEND",
                                                            "AUDIT_READ",
                                                            "PERFMON",
                                                            "BPF",
                                                            "CHECKPOINT_RESTORE"};

constexpr std::array<std::string_view, 16> kUlimits = {
    "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
    "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

template <std::size_t N>
std::vector<std::string> as_strings(const std::array<std::string_view, N>& words) {
    return {words.begin(), words.end()};
}

std::string upper(std::string_view text) {
    std::string result{text};
    for (char& c : result) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return result;
}

bool is_signal(std::string_view text) {
    if (const auto number = parse_int(text)) return *number >= 1 && *number <= 64;
    std::string name = upper(text);
    if (name.starts_with("SIG")) name = name.substr(3);
    if (name.starts_with("RTMIN") || name.starts_with("RTMAX")) return true;
    for (int number = 1; number < 32; ++number)
        if (const char* candidate = ::sigabbrev_np(number); candidate && name == candidate) return true;
    return name == "IOT" || name == "CLD" || name == "POLL";
}

// `[a-zA-Z0-9][a-zA-Z0-9_.-]+`
bool is_container_name(std::string_view name) {
    const auto alphanumeric = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    return name.size() >= 2 && alphanumeric(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
               return alphanumeric(c) || c == '_' || c == '.' || c == '-';
           });
}

bool is_host_name(std::string_view name) {
    if (name.empty() || name.size() > 64) return false;  // HOST_NAME_MAX
    for (const std::string& label : split(name, '.')) {
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
        const bool legal = std::all_of(label.begin(), label.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '_';
        });
        if (!legal) return false;
    }
    return true;
}

bool is_namespaced_sysctl(std::string_view name) {
    return name.starts_with("net.") || name.starts_with("fs.mqueue.") || name.starts_with("kernel.shm") ||
           name.starts_with("kernel.msg") || name == "kernel.sem";
}

class ServiceDecoder {
  public:
    ServiceDecoder(DecodeContext& context, Service& service, std::vector<EnvFileReference>& env_files)
        : context_{context}, service_{service}, env_files_{env_files} {}

    void run(const Node& map) {
        for (const Entry& entry : map.items()) {
            const Node& value = *entry.value;
            const std::string key{entry.key->text};
            service_.positions[key] = context_.position(value.is_scalar() ? value : *entry.key);
            const auto handler = handlers().find(entry.key->text);
            if (handler == handlers().end() || value.broken) continue;
            if (value.is_null() && key != "command" && key != "entrypoint") continue;
            handler->second(*this, value);
        }
        // Last, since it is compared with keys of the service that may stand behind it.
        if (const Node* deploy = DecodeContext::member(map, "deploy"))
            decode_deploy(context_, *deploy, service_);
        imply_dependencies();
        std::move(tmpfs_.begin(), tmpfs_.end(), std::back_inserter(service_.volumes));
        // One order for all ways to write it: options that only the short form of tmpfs has stand last.
        std::stable_partition(service_.volumes.begin(), service_.volumes.end(),
                              [](const VolumeMount& mount) { return mount.tmpfs_options.empty(); });
    }

  private:
    using Handler = void (*)(ServiceDecoder&, const Node&);
    static const std::unordered_map<std::string_view, Handler>& handlers();

    void assign(std::string& target, const Node& node) { target = DecodeContext::text(&node).value_or(""); }
    void assign(bool& target, const Node& node) { target = DecodeContext::boolean(&node).value_or(false); }

    // Null: as the image says. Empty: cleared.
    std::optional<std::vector<std::string>> command(const Node& node) {
        if (node.is_null()) return std::nullopt;
        if (node.is_sequence()) return DecodeContext::strings(&node);
        Parsed<std::vector<std::string>> words = split_shell_words(node.text);
        const auto* accepted = context_.accept(words, node);
        return accepted ? std::optional{*accepted} : std::nullopt;
    }

    void image(const Node& node) {
        assign(service_.image, node);
        if (service_.image.empty() || service_.image.find_first_of(" \t\n") != std::string::npos)
            context_.error("value", fmt::format("invalid image \"{}\"", service_.image), node).hint =
                "write NAME[:TAG][@DIGEST]";
    }

    void environment(const Node& node) {
        for (DecodeContext::Pair& pair : DecodeContext::pairs(&node)) {
            if (pair.name.empty())
                context_.error("value", "a variable has no name", *pair.node).hint = "write NAME=VALUE";
            else
                service_.environment[pair.name] = std::move(pair.value);
        }
    }

    void container_name(const Node& node) {
        assign(service_.container_name, node);
        if (!is_container_name(service_.container_name))
            context_
                .error("value", fmt::format("invalid container name \"{}\"", service_.container_name), node)
                .hint =
                "use at least two letters, digits, \"_\", \".\" or \"-\", the first a letter or digit";
    }

    void hostname(const Node& node) {
        assign(service_.hostname, node);
        if (!is_host_name(service_.hostname))
            context_.error("value", fmt::format("invalid host name \"{}\"", service_.hostname), node).hint =
                "use up to 64 letters, digits, \"-\" and dots";
    }

    void profiles(const Node& node) {
        service_.profiles = DecodeContext::strings(&node);
        for (const std::string& profile : service_.profiles)
            if (!is_container_name(profile) && !(profile.size() == 1 && is_container_name(profile + "x")))
                context_.error("value", fmt::format("invalid profile name \"{}\"", profile), node).hint =
                    "use letters, digits, \"_\", \".\" and \"-\"";
    }

    void restart(const Node& node) {
        Parsed<RestartPolicy> parsed = parse_restart(node.text);
        if (const auto* policy = context_.accept(parsed, node)) service_.restart = *policy;
    }

    void stop_signal(const Node& node) {
        assign(service_.stop_signal, node);
        if (!is_signal(service_.stop_signal))
            context_.error("value", fmt::format("unknown signal \"{}\"", service_.stop_signal), node).hint =
                "write a name like SIGTERM or a number from 1 to 64";
    }

    void depends_on(const Node& node) {
        for (const Entry& entry : node.items()) {
            const Node& name = entry.key ? *entry.key : *entry.value;
            if (name.broken) continue;
            Dependency dependency;
            if (entry.key && DecodeContext::usable(entry.value)) dependency = one_dependency(*entry.value);
            service_.positions[fmt::format("depends_on.{}", name.text)] = context_.position(name);
            service_.depends_on[std::string{name.text}] = dependency;
        }
    }

    Dependency one_dependency(const Node& map) {
        Dependency dependency;
        dependency.restart = DecodeContext::boolean(map.find("restart")).value_or(false);
        dependency.required = DecodeContext::boolean(map.find("required")).value_or(true);
        const Node* condition = DecodeContext::member(map, "condition");
        if (!condition) return dependency;
        static const std::vector<std::string> kConditions = {"service_started", "service_healthy",
                                                             "service_completed_successfully"};
        if (context_.check_word(*condition, kConditions, "condition")) {
            const auto found = std::find(kConditions.begin(), kConditions.end(), condition->text);
            dependency.condition = static_cast<DependencyCondition>(found - kConditions.begin());
        }
        return dependency;
    }

    void links(const Node& node) {
        for (const Entry& entry : node.items()) {
            const std::string_view text = entry.value->text;
            const std::size_t colon = text.find(':');
            const std::string_view name = text.substr(0, colon);
            if (colon != std::string_view::npos && text.substr(colon + 1) != name)
                context_
                    .error("not-supported",
                           fmt::format("a link with an alias is not supported yet: \"{}\"", text),
                           *entry.value)
                    .hint = "give the service an alias on the network: networks.NAME.aliases";
            service_.positions.try_emplace(fmt::format("depends_on.{}", name),
                                           context_.position(*entry.value));
            linked_.emplace_back(name);
        }
    }

    void healthcheck(const Node& map) {
        Healthcheck check;
        if (const Node* test = DecodeContext::member(map, "test")) healthcheck_test(*test, check);
        const auto time = [&map](std::string_view key) -> std::optional<Duration> {
            const auto value = DecodeContext::duration(map.find(key));
            return value && value->count() != 0 ? value : std::nullopt;  // 0 means the default
        };
        check.interval = time("interval");
        check.timeout = time("timeout");
        check.start_period = time("start_period");
        check.start_interval = time("start_interval");
        if (const Node* retries = map.find("retries"))
            check.retries = context_.integer_in(retries, 0, 1'000'000, "retries");
        if (check.retries == 0) check.retries.reset();
        check.disable = DecodeContext::boolean(map.find("disable")).value_or(false);
        if (check.start_interval && !map.find("start_period"))
            context_.error("value", "start_interval needs start_period", *map.find("start_interval")).hint =
                "add start_period, the time in which start_interval applies";
        if (check.disable) check.test.clear();
        service_.healthcheck = std::move(check);
    }

    void healthcheck_test(const Node& test, Healthcheck& check) {
        if (test.is_scalar()) {
            check.test = {"CMD-SHELL", std::string{test.text}};
            return;
        }
        check.test = DecodeContext::strings(&test);
        if (check.test.empty()) return;
        const std::string& first = check.test[0];
        if (first == "NONE") {
            check.disable = true;
        } else if (first != "CMD" && first != "CMD-SHELL") {
            context_
                .error("value", fmt::format("healthcheck.test can't begin with \"{}\"", first),
                       *test.items()[0].value)
                .hint = "the first item is CMD, CMD-SHELL or NONE; a single string is run by a shell";
        } else if (check.test.size() < 2) {
            context_.error("value", fmt::format("healthcheck.test has no command behind {}", first), test);
        }
    }

    void capabilities(const Node& list, std::vector<std::string>& target) {
        for (const Entry& entry : list.items()) {
            const auto text = DecodeContext::text(entry.value);
            if (!text) continue;
            std::string name = upper(*text);
            if (name.starts_with("CAP_")) name = name.substr(4);
            const bool known = name == "ALL" || std::find(kCapabilities.begin(), kCapabilities.end(), name) !=
                                                    kCapabilities.end();
            if (!known) {
                Diagnostic& diagnostic =
                    context_.error("value", fmt::format("unknown capability \"{}\"", *text), *entry.value);
                if (const auto near = nearest(name, as_strings(kCapabilities)))
                    diagnostic.hint = fmt::format("did you mean \"{}\"?", *near);
            } else if (std::find(target.begin(), target.end(), name) == target.end()) {
                target.push_back(name);
            }
        }
    }

    void ulimits(const Node& map) {
        for (const Entry& entry : map.items()) {
            if (!DecodeContext::usable(entry.value)) continue;
            const std::string name{entry.key->text};
            if (std::find(kUlimits.begin(), kUlimits.end(), name) == kUlimits.end()) {
                Diagnostic& diagnostic =
                    context_.error("value", fmt::format("unknown ulimit \"{}\"", name), *entry.key);
                if (const auto near = nearest(name, as_strings(kUlimits)))
                    diagnostic.hint = fmt::format("did you mean \"{}\"?", *near);
                continue;
            }
            if (const auto limit = one_ulimit(name, *entry.value)) service_.ulimits[name] = *limit;
        }
    }

    std::optional<Ulimit> one_ulimit(const std::string& name, const Node& node) {
        Ulimit limit;
        if (node.is_mapping()) {
            const auto soft = DecodeContext::integer(node.find("soft")),
                       hard = DecodeContext::integer(node.find("hard"));
            if (!soft || !hard) {
                context_.error("value", fmt::format("ulimit {} needs both soft and hard", name), node);
                return std::nullopt;
            }
            limit = {*soft, *hard};
        } else {
            const auto both = DecodeContext::integer(&node);
            limit = {both.value_or(0), both.value_or(0)};
        }
        const bool above = limit.hard != -1 && (limit.soft == -1 || limit.soft > limit.hard);
        if (limit.soft < -1 || limit.hard < -1 || above) {
            context_
                .error("value",
                       above ? fmt::format("the soft limit of {} is above the hard one", name)
                             : fmt::format("ulimit {} can't be negative", name),
                       node)
                .hint = above ? "soft can be at most hard" : "-1 means unlimited";
            return std::nullopt;
        }
        return limit;
    }

    void sysctls(const Node& node) {
        for (DecodeContext::Pair& pair : DecodeContext::pairs(&node)) {
            if (!is_namespaced_sysctl(pair.name))
                context_
                    .error("value",
                           fmt::format("the kernel parameter \"{}\" is not per container", pair.name),
                           *pair.node)
                    .hint = "net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.* are";
            service_.sysctls[pair.name] = pair.value.value_or("");
        }
    }

    void cpus(const Node& node) {
        const auto value = DecodeContext::number(&node);
        if (!value || *value == 0) return;
        if (!(*value > 0 && *value < 1e6))
            context_.error("value", fmt::format("cpus can't be {}", node.text), node);
        else
            service_.cpus = value;
    }

    void pids_limit(const Node& node) {
        const auto value = DecodeContext::integer(&node);
        if (value && *value < -1)
            context_.error("value", fmt::format("pids_limit can't be {}", *value), node).hint =
                "-1 means unlimited";
        else
            service_.pids_limit = value;
    }

    void memory(const Node& node, std::optional<std::int64_t>& target) {
        target = context_.bytes(&node);
        if (target == 0) target.reset();
    }

    void network_mode(const Node& node) {
        assign(service_.network_mode, node);
        const std::string_view mode = service_.network_mode;
        if (mode == "none" || mode == "host") return;
        if (mode == "bridge" || mode.starts_with("service:") || mode.starts_with("container:"))
            context_.error("not-supported", fmt::format("network_mode \"{}\" is not supported yet", mode),
                           node);
        else
            context_.check_word(node, {"none", "host"}, "network_mode");
    }

    void logging(const Node& map) {
        const auto driver = DecodeContext::text(map.find("driver"));
        service_.logging.driver = driver.value_or("");
        if (driver && *driver != "json-file" && *driver != "local")
            context_
                .error("not-supported", fmt::format("the log driver \"{}\" is not supported yet", *driver),
                       *map.find("driver"))
                .hint = "json-file and local are";
        const Node* options = DecodeContext::member(map, "options");
        if (!options) return;
        for (const Entry& entry : options->items()) {
            if (!DecodeContext::usable(entry.value)) continue;
            if (entry.key->text == "max-size")
                log_size(*entry.value);
            else if (entry.key->text == "max-file")
                service_.logging.max_file = context_.integer_in(entry.value, 1, 100'000, "max-file");
            else
                context_.warning("ignored-key",
                                 fmt::format("the log option \"{}\" is ignored", entry.key->text),
                                 *entry.key);
        }
    }

    void log_size(const Node& node) {
        if (node.text == "-1") return;  // no limit of its own
        const auto size = parse_bytes(node.text);
        if (!size || *size == 0)
            context_.error("value", fmt::format("max-size \"{}\" is not a size", node.text), node).hint =
                "write it like 10m";
        else
            service_.logging.max_size_bytes = static_cast<std::int64_t>(*size);
    }

    void imply_dependencies() {
        for (const std::string& name : linked_)
            service_.depends_on.try_emplace(name,
                                            Dependency{DependencyCondition::service_started, true, true});
    }

    DecodeContext& context_;
    Service& service_;
    std::vector<EnvFileReference>& env_files_;
    std::vector<std::string> linked_;
    std::vector<VolumeMount> tmpfs_;
};

const std::unordered_map<std::string_view, ServiceDecoder::Handler>& ServiceDecoder::handlers() {
    using D = ServiceDecoder;
    static const std::unordered_map<std::string_view, Handler> kHandlers = {
        {"image", [](D& d, const Node& n) { d.image(n); }},
        {"command", [](D& d, const Node& n) { d.service_.command = d.command(n); }},
        {"entrypoint", [](D& d, const Node& n) { d.service_.entrypoint = d.command(n); }},
        {"environment", [](D& d, const Node& n) { d.environment(n); }},
        {"env_file", [](D& d, const Node& n) { d.env_files_ = decode_env_files(d.context_, n); }},
        {"working_dir", [](D& d, const Node& n) { d.assign(d.service_.working_dir, n); }},
        {"user", [](D& d, const Node& n) { d.assign(d.service_.user, n); }},
        {"hostname", [](D& d, const Node& n) { d.hostname(n); }},
        {"container_name", [](D& d, const Node& n) { d.container_name(n); }},
        {"init", [](D& d, const Node& n) { d.service_.init = DecodeContext::boolean(&n); }},
        {"tty", [](D& d, const Node& n) { d.assign(d.service_.tty, n); }},
        {"stdin_open", [](D& d, const Node& n) { d.assign(d.service_.stdin_open, n); }},
        {"read_only", [](D& d, const Node& n) { d.assign(d.service_.read_only, n); }},
        {"labels", [](D& d, const Node& n) { d.service_.labels = DecodeContext::labels(&n); }},
        {"depends_on", [](D& d, const Node& n) { d.depends_on(n); }},
        {"links", [](D& d, const Node& n) { d.links(n); }},
        {"healthcheck", [](D& d, const Node& n) { d.healthcheck(n); }},
        {"restart", [](D& d, const Node& n) { d.restart(n); }},
        {"stop_signal", [](D& d, const Node& n) { d.stop_signal(n); }},
        {"stop_grace_period",
         [](D& d, const Node& n) { d.service_.stop_grace_period = DecodeContext::duration(&n); }},
        {"ports", [](D& d, const Node& n) { d.service_.ports = decode_ports(d.context_, n); }},
        {"expose", [](D& d, const Node& n) { d.service_.expose = decode_expose(d.context_, n); }},
        {"extra_hosts",
         [](D& d, const Node& n) { d.service_.extra_hosts = decode_extra_hosts(d.context_, n); }},
        {"networks", [](D& d, const Node& n) { decode_attachments(d.context_, n, d.service_); }},
        {"network_mode", [](D& d, const Node& n) { d.network_mode(n); }},
        {"volumes", [](D& d, const Node& n) { d.service_.volumes = decode_mounts(d.context_, n); }},
        {"tmpfs", [](D& d, const Node& n) { d.tmpfs_ = decode_tmpfs(d.context_, n); }},
        {"secrets",
         [](D& d, const Node& n) { d.service_.secrets = decode_grants(d.context_, n, "/run/secrets"); }},
        {"configs", [](D& d, const Node& n) { d.service_.configs = decode_grants(d.context_, n, "/"); }},
        {"cap_add", [](D& d, const Node& n) { d.capabilities(n, d.service_.cap_add); }},
        {"cap_drop", [](D& d, const Node& n) { d.capabilities(n, d.service_.cap_drop); }},
        {"mem_limit", [](D& d, const Node& n) { d.memory(n, d.service_.mem_limit_bytes); }},
        {"mem_reservation", [](D& d, const Node& n) { d.memory(n, d.service_.mem_reservation_bytes); }},
        {"cpus", [](D& d, const Node& n) { d.cpus(n); }},
        {"pids_limit", [](D& d, const Node& n) { d.pids_limit(n); }},
        {"ulimits", [](D& d, const Node& n) { d.ulimits(n); }},
        {"sysctls", [](D& d, const Node& n) { d.sysctls(n); }},
        {"profiles", [](D& d, const Node& n) { d.profiles(n); }},
        {"logging", [](D& d, const Node& n) { d.logging(n); }},
        {"scale",
         [](D& d, const Node& n) {
             d.service_.scale = d.context_.integer_in(&n, 0, 10'000, "scale").value_or(1);
         }},
    };
    return kHandlers;
}

}  // namespace

void decode_service(DecodeContext& context, const Entry& entry, Service& service,
                    std::vector<EnvFileReference>& env_files) {
    service.name = entry.key->text;
    service.position = context.position(*entry.key);
    context.service = service.name;
    if (DecodeContext::usable(entry.value) && entry.value->is_mapping())
        ServiceDecoder{context, service, env_files}.run(*entry.value);
    context.service.clear();
}

}  // namespace stack::compose
