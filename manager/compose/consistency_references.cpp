// What services refer to: each name must be that of something; services must not depend on one another in a circle.
#include "manager/compose/consistency.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/user_namespace_mode.hpp"
#include "manager/compose/value_forms.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class ReferenceCheck {
  public:
    ReferenceCheck(const ConsistencyContext& context, const Entry& service)
        : context_{context}, name_{service.key->text}, map_{*service.value} {}

    void run() {
        if (const Node* networks = usable_member(map_, "networks"); networks && networks->is_mapping())
            for (const Entry& entry : networks->items()) check_network(entry);
        if (const Node* models = usable_member(map_, "models"); models && models->is_mapping())
            for (const Entry& entry : models->items())
                if (!context_.find("models", entry.key->text))
                    context_.undefined("models", entry.key->text, *entry.key);
        if (const Node* mounts = usable_member(map_, "volumes"))
            for (const Entry& entry : mounts->items()) check_volume(*entry.value);
        for (const char* key : {"network_mode", "pid", "ipc"}) check_sharing(key);
        check_grants(map_.find("secrets"), "secrets");
        check_grants(map_.find("configs"), "configs");
        if (const Node* build = usable_member(map_, "build"); build && build->is_mapping()) {
            check_grants(build->find("secrets"), "secrets");
            if (const Node* contexts = usable_member(*build, "additional_contexts"))
                for (const Entry& entry : contexts->items()) check_build_context(*entry.value);
        }
        if (const Node* dependencies = usable_member(map_, "depends_on");
            dependencies && dependencies->is_mapping())
            for (const Entry& entry : dependencies->items()) check_dependency(entry);
    }

  private:
    void check_network(const Entry& attachment) {
        const Node* network = context_.find("networks", attachment.key->text);
        if (!network) {
            // `default` needs no declaration; it is there once names are normalised.
            if (attachment.key->text != "default")
                context_.undefined("networks", attachment.key->text, *attachment.key);
            return;
        }
        if (boolean_value(network->find("external")).value_or(false)) return;
        for (const char* key : {"ipv4_address", "ipv6_address"}) {
            const Node* address = usable_member(*attachment.value, key);
            if (address && !holds(*network, address->text))
                context_.reporter
                    .error("address",
                           fmt::format("no subnet of network \"{}\" holds {}", attachment.key->text,
                                       address->text),
                           *address)
                    .hint =
                    fmt::format("give the network one: networks.{}.ipam.config", attachment.key->text);
        }
    }

    // A network with something wrong in its subnets holds everything.
    static bool holds(const Node& network, std::string_view address) {
        const Node* ipam = network.find("ipam");
        if (!ipam) return false;
        const Node* configs = ipam->find("config");
        if (ipam->broken || !configs) return ipam->broken;
        const auto items = configs->items();
        return std::any_of(items.begin(), items.end(), [address](const Entry& config) {
            return subnet_holds(member_text(*config.value, "subnet"), address);
        });
    }

    // That the other one is there is known by depends_on, which follows from the key.
    void check_sharing(std::string_view key) {
        constexpr std::string_view kService = "service:";
        const Node* mode = usable_member(map_, key);
        if (!mode || !mode->text.starts_with(kService)) return;
        const Node* other = context_.find("services", mode->text.substr(kService.size()));
        const Node* its_mode = other ? usable_member(*other, "userns_mode") : nullptr;
        if (!its_mode || user_namespace_ids(its_mode->text).value_or(0) == 0) return;
        Diagnostic& diagnostic = context_.reporter.error(
            "conflict",
            fmt::format("service \"{}\", whose {} is to be shared, has a user namespace of its own",
                        mode->text.substr(kService.size()), key == "network_mode" ? "network" : key),
            *mode);
        diagnostic.related.push_back({"userns_mode is given here", context_.reporter.position(*its_mode)});
        diagnostic.hint = "give both the host's by userns_mode: host";
    }

    void check_volume(const Node& mount) {
        if (!is_usable(&mount) || member_text(mount, "type") != "volume") return;
        const Node* source = usable_member(mount, "source");
        if (!source || context_.find("volumes", source->text)) return;
        Diagnostic& diagnostic = context_.undefined("volumes", source->text, mount);
        if (!diagnostic.hint.empty()) return;
        diagnostic.hint =
            source->text.find('/') != std::string_view::npos
                ? fmt::format("a path begins with \"./\": ./{}:{}", source->text,
                              member_text(mount, "target"))
                : fmt::format("declare it at the top level: volumes: {{{}: {{}}}}", source->text);
    }

    void check_grants(const Node* list, std::string_view kind) {
        if (!list) return;
        for (const Entry& entry : list->items())
            if (const Node* source = usable_member(*entry.value, "source"))
                if (!context_.find(kind, source->text)) context_.undefined(kind, source->text, *entry.value);
    }

    void check_build_context(const Node& value) {
        if (!value.is_scalar() || !value.text.starts_with("service:")) return;
        const std::string_view name = value.text.substr(8);
        const Node* service = context_.find("services", name);
        const auto disabled = context_.disabled.find(name);
        if (!service && disabled != context_.disabled.end()) service = disabled->second->value;
        if (!service)
            context_.undefined("services", name, value);
        else if (!service->find("build"))
            context_.reporter
                .error("conflict",
                       fmt::format("service \"{}\" is not built, so it can't be a build context", name),
                       value)
                .hint = fmt::format("write docker-image://… for its image, or give \"{}\" a build", name);
    }

    void check_dependency(const Entry& dependency) {
        const std::string_view name = dependency.key->text;
        if (context_.find("services", name)) return;
        const auto disabled = context_.disabled.find(name);
        if (disabled == context_.disabled.end()) {
            context_.undefined("services", name, *dependency.key);
            return;
        }
        const std::vector<std::string> profiles = strings_value(disabled->second->value->find("profiles"));
        context_.reporter
            .error("disabled-dependency",
                   fmt::format("service \"{}\" depends on \"{}\", which is switched off by its profile",
                               name_, name),
                   *dependency.key)
            .hint =
            fmt::format("add --profile {}, or \"required: false\"", profiles.empty() ? "*" : profiles[0]);
    }

    const ConsistencyContext& context_;
    std::string_view name_;
    const Node& map_;
};

// Depth first with a stack of its own: a chain of dependencies may be as long as the file.
class CycleSearch {
  public:
    explicit CycleSearch(const ConsistencyContext& context) : context_{context} {}

    void run(const Node& services) {
        for (const Entry& root : services.items()) {
            if (marks_[root.key->text] != Mark::unseen) continue;
            enter(root);
            while (!path_.empty()) step();
        }
    }

  private:
    enum class Mark : char { unseen, on_path, done };
    struct Step {
        const Entry* service;
        std::vector<const Entry*> dependencies;  // sorted by name, like everything that is told
        std::size_t next = 0;
    };

    void enter(const Entry& service) {
        marks_[service.key->text] = Mark::on_path;
        Step step{&service, {}, 0};
        if (const Node* map = usable_member(*service.value, "depends_on"); map && map->is_mapping())
            for (const Entry& entry : map->items()) step.dependencies.push_back(&entry);
        std::sort(step.dependencies.begin(), step.dependencies.end(),
                  [](const Entry* a, const Entry* b) { return a->key->text < b->key->text; });
        path_.push_back(std::move(step));
    }

    void step() {
        Step& last = path_.back();
        if (last.next == last.dependencies.size()) {
            marks_[last.service->key->text] = Mark::done;
            path_.pop_back();
            return;
        }
        const std::string_view name = last.dependencies[last.next++]->key->text;
        const auto& services = context_.members.at("services");
        const auto target = services.find(name);
        if (target == services.end()) return;
        const Mark mark = marks_[name];
        if (mark == Mark::unseen) enter(*target->second);
        if (mark == Mark::on_path) report(name);
    }

    // The last service of the path depends on `back_to`, which is on the path.
    void report(std::string_view back_to) {
        const auto begin = std::find_if(path_.begin(), path_.end(),
                                        [&](const Step& step) { return step.service->key->text == back_to; });
        constexpr std::ptrdiff_t kShown = 20;
        const std::ptrdiff_t length = path_.end() - begin;
        std::string text;
        for (std::ptrdiff_t i = 0; i < length; ++i) {
            if (i == kShown) text += fmt::format("… ({} more) -> ", length - kShown);
            if (i < kShown) text += fmt::format("{} -> ", begin[i].service->key->text);
        }
        text += back_to;
        context_.reporter.service = begin->service->key->text;
        Diagnostic& diagnostic = context_.reporter.error(
            "dependency-cycle", fmt::format("dependency cycle: {}", text), *edge(*begin).key);
        for (std::ptrdiff_t i = 1; i < std::min(length, kShown); ++i)
            diagnostic.related.push_back(
                {fmt::format("{} depends on {}", begin[i].service->key->text, edge(begin[i]).key->text),
                 context_.reporter.position(*edge(begin[i]).key)});
        diagnostic.hint = "remove one of these dependencies";
        context_.reporter.service.clear();
    }

    static const Entry& edge(const Step& step) { return *step.dependencies[step.next - 1]; }

    const ConsistencyContext& context_;
    std::unordered_map<std::string_view, Mark> marks_;
    std::vector<Step> path_;
};

}  // namespace

void check_references(const ConsistencyContext& context, const Entry& service) {
    ReferenceCheck{context, service}.run();
}

void check_dependency_cycles(const ConsistencyContext& context, const Node& services) {
    CycleSearch{context}.run(services);
}

}  // namespace stack::compose
