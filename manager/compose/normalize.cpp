#include "manager/compose/normalize.hpp"

#include "manager/compose/node_values.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

namespace {

class Normalizer {
  public:
    Normalizer(Tree& tree, Node& root, std::string_view project)
        : tree_{tree}, root_{root}, project_{project} {}

    void run() {
        if (Node* services = usable_member(root_, "services"))
            for (Entry& entry : services->items())
                if (is_usable(entry.value) && entry.value->is_mapping())
                    normalize_service(*entry.key, *entry.value);
        if (default_user_) add_default_network(*default_user_);
        for (const char* kind : {"networks", "volumes", "secrets", "configs"}) name_resources(kind);
    }

  private:
    // ---- services ------------------------------------------------------------------------------------------------

    void normalize_service(const Node& name, Node& service) {
        join_default_network(name, service);
        if (Node* policy = usable_member(service, "pull_policy"); policy && policy->text == "if_not_present")
            policy->text = "missing";
        if (Node* build = usable_member(service, "build"); build && build->is_mapping())
            if (!build->find("dockerfile") && !build->find("dockerfile_inline"))
                tree_.set(*build, "dockerfile", tree_.make_scalar_at("Dockerfile", *build));
        imply_dependencies(service);
    }

    void join_default_network(const Node& name, Node& service) {
        Node* networks = service.find("networks");
        if (networks && networks->broken) return;
        if (!networks || networks->count == 0) {
            if (service.find("network_mode") || service.find("provider")) return;
            networks = tree_.make_at(NodeKind::mapping, name);
            tree_.set(*networks, "default", tree_.make_at(NodeKind::null, name));
            tree_.set(service, "networks", networks);
        }
        if (!default_user_ && networks->find("default")) default_user_ = &name;
    }

    void add_default_network(const Node& user) {
        Node* networks = root_.find("networks");
        if (!networks || networks->is_null()) {
            networks = tree_.make_at(NodeKind::mapping, user);
            tree_.set(root_, "networks", networks);
        }
        if (networks->is_mapping() && !networks->find("default"))
            tree_.set(*networks, "default", tree_.make_at(NodeKind::mapping, user));
    }

    void imply_dependencies(Node& service) {
        if (const Node* links = usable_member(service, "links"))
            for (const Entry& entry : links->items())
                if (is_usable(entry.value))
                    imply(service, before_colon(entry.value->text), *entry.value, true);
        for (const char* key : {"network_mode", "pid", "ipc"})
            if (const Node* mode = usable_member(service, key)) imply_shared(service, *mode);
        if (const Node* sources = usable_member(service, "volumes_from"))
            for (const Entry& entry : sources->items())
                if (is_usable(entry.value) && !entry.value->text.starts_with("container:"))
                    imply(service, before_colon(entry.value->text), *entry.value, false);
    }

    // A container can be meant by its name as well.
    void imply_shared(Node& service, const Node& mode) {
        constexpr std::string_view kService = "service:", kContainer = "container:";
        if (mode.text.starts_with(kService)) imply(service, mode.text.substr(kService.size()), mode, true);
        const Node* services = usable_member(root_, "services");
        if (!services || !mode.text.starts_with(kContainer)) return;
        for (const Entry& other : services->items())
            if (const Node* name = usable_member(*other.value, "container_name");
                name && name->text == mode.text.substr(kContainer.size()) && other.value != &service)
                imply(service, other.key->text, mode, true);
    }

    static std::string_view before_colon(std::string_view text) { return text.substr(0, text.find(':')); }

    void imply(Node& service, std::string_view name, const Node& where, bool restart) {
        Node* dependencies = service.find("depends_on");
        if (dependencies && !dependencies->is_mapping()) return;
        if (!dependencies) {
            dependencies = tree_.make_at(NodeKind::mapping, where);
            tree_.set(service, "depends_on", dependencies);
        }
        if (dependencies->find(name)) return;
        Node* dependency = tree_.make_at(NodeKind::mapping, where);
        tree_.set(*dependency, "condition", tree_.make_scalar_at("service_started", where));
        tree_.set(*dependency, "required", boolean("true", where));
        if (restart) tree_.set(*dependency, "restart", boolean("true", where));
        tree_.append(*dependencies, {tree_.make_scalar_at(name, where), dependency});
    }

    Node* boolean(std::string_view word, const Node& where) {
        Node* node = tree_.make_scalar_at(word, where);
        node->is_string = false;
        return node;
    }

    // ---- resources -----------------------------------------------------------------------------------------------

    void name_resources(std::string_view kind) {
        Node* resources = usable_member(root_, kind);
        if (!resources) return;
        for (Entry& entry : resources->items()) {
            if (entry.value->is_null()) {
                Node* empty = tree_.make_at(NodeKind::mapping, *entry.value);
                empty->replaced = entry.value->replaced;
                entry.value = empty;
            }
            Node& resource = *entry.value;
            if (!resource.is_mapping() || resource.broken || usable_member(resource, "name")) continue;
            const bool external = boolean_value(resource.find("external")).value_or(false);
            const std::string name =
                external ? std::string{entry.key->text} : fmt::format("{}_{}", project_, entry.key->text);
            tree_.set(resource, "name", tree_.make_scalar_at(name, *entry.key));
        }
    }

    Tree& tree_;
    Node& root_;
    std::string_view project_;
    const Node* default_user_ = nullptr;  // the name of the first service on the network `default`
};

}  // namespace

void normalize(Tree& tree, Node& root, std::string_view project_name) {
    Normalizer{tree, root, project_name}.run();
}

}  // namespace stack::compose
