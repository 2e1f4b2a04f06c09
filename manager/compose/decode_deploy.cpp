// services.*.deploy: what of it means something on one host. It is the other way to say scale, limits and restart, so
// each value is held against the service's own key.
#include "manager/compose/decode_context.hpp"

#include <fmt/format.h>

namespace stack::compose {

namespace {

class DeployDecoder {
  public:
    DeployDecoder(DecodeContext& context, Service& service) : context_{context}, service_{service} {}

    void run(const Node& map) {
        if (const Node* mode = DecodeContext::member(map, "mode"))
            context_.check_word(*mode, {"replicated", "global"}, "deploy.mode");
        replicas(map.find("replicas"));
        if (const Node* resources = DecodeContext::member(map, "resources")) {
            if (const Node* limits = DecodeContext::member(*resources, "limits")) this->limits(*limits);
            if (const Node* reservations = DecodeContext::member(*resources, "reservations"))
                agree(reservations->find("memory"), "mem_reservation",
                      positive(context_.bytes(reservations->find("memory"))), service_.mem_reservation_bytes);
        }
        if (const Node* policy = DecodeContext::member(map, "restart_policy")) restart_policy(*policy);
    }

  private:
    template <class T>
    static std::optional<T> positive(std::optional<T> value) {
        return value && *value != T{} ? value : std::nullopt;
    }

    // The deploy value becomes the service's; a different one in the service's own key is an error.
    template <class T>
    void agree(const Node* node, std::string_view key, std::optional<T> value, std::optional<T>& target) {
        if (!value) return;
        if (target && *target != *value) differ(*node, key);
        target = value;
    }

    void differ(const Node& node, std::string_view key) {
        Diagnostic& diagnostic =
            context_.error("conflict", fmt::format("this differs from the service's {}", key), node);
        const auto place = service_.positions.find(std::string{key});
        if (place != service_.positions.end())
            diagnostic.related.push_back({fmt::format("{} is given here", key), place->second});
        diagnostic.hint = "give one of the two";
    }

    void replicas(const Node* node) {
        const auto value = context_.integer_in(node, 0, 10'000, "replicas");
        if (!value) return;
        if (service_.positions.contains("scale") && service_.scale != *value) differ(*node, "scale");
        service_.scale = *value;
    }

    void limits(const Node& map) {
        const Node* cpus = map.find("cpus");
        auto cores = positive(DecodeContext::number(cpus));
        if (cores && !(*cores > 0 && *cores < 1e6)) {
            context_.error("value", fmt::format("cpus can't be {}", cpus->text), *cpus);
            cores.reset();
        }
        agree(cpus, "cpus", cores, service_.cpus);
        agree(map.find("memory"), "mem_limit", positive(context_.bytes(map.find("memory"))),
              service_.mem_limit_bytes);
        agree(map.find("pids"), "pids_limit", positive(DecodeContext::integer(map.find("pids"))),
              service_.pids_limit);
    }

    void restart_policy(const Node& map) {
        RestartPolicy policy;
        policy.kind = RestartPolicy::Kind::always;
        if (const Node* condition = DecodeContext::member(map, "condition")) {
            context_.check_word(*condition, {"none", "on-failure", "any", "always", "unless-stopped", "no"},
                                "condition");
            if (condition->text == "none" || condition->text == "no") policy.kind = RestartPolicy::Kind::no;
            if (condition->text == "on-failure") policy.kind = RestartPolicy::Kind::on_failure;
            if (condition->text == "unless-stopped") policy.kind = RestartPolicy::Kind::unless_stopped;
        }
        policy.max_attempts = context_.integer_in(map.find("max_attempts"), 0, 1'000'000, "max_attempts");
        policy.delay = positive(DecodeContext::duration(map.find("delay")));
        policy.window = positive(DecodeContext::duration(map.find("window")));
        service_.restart = policy;
    }

    DecodeContext& context_;
    Service& service_;
};

}  // namespace

void decode_deploy(DecodeContext& context, const Node& map, Service& service) {
    if (map.is_mapping()) DeployDecoder{context, service}.run(map);
}

}  // namespace stack::compose
