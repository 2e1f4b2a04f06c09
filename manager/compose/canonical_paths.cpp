// Which values are paths on the host, and what they are relative to.
#include "manager/compose/canonical.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/paths.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

namespace stack::compose {

namespace {

// A build context that is no directory of this host.
bool is_remote_context(std::string_view context) {
    return context.find("://") != std::string_view::npos || context.starts_with("service:") ||
           is_remote(context);
}

class PathResolver {
  public:
    PathResolver(Tree& tree, const std::string& home) : tree_{tree}, home_{home} {}

    void run(Node& root) {
        each(root, "services", [this](Node& service) { resolve_service(service); });
        each(root, "volumes", [this](Node& volume) { resolve_volume(volume); });
        for (const char* kind : {"secrets", "configs"})
            each(root, kind, [this](Node& source) { resolve(source.find("file")); });
    }

  private:
    template <class Visit>
    static void each(Node& map, std::string_view key, Visit visit) {
        if (Node* members = usable_member(map, key))
            for (Entry& entry : members->items())
                if (is_usable(entry.value) && entry.value->is_mapping()) visit(*entry.value);
    }

    void resolve(Node* path) {
        if (!is_usable(path) || !path->is_scalar() || path->text.empty()) return;
        const std::string absolute = host_path(tree_, *path, home_);
        if (absolute != path->text) path->text = tree_.store(absolute);
    }
    void resolve_context(Node* context) {
        if (is_usable(context) && context->is_scalar() && !is_remote_context(context->text)) resolve(context);
    }

    void resolve_service(Node& service) {
        if (Node* build = usable_member(service, "build")) resolve_build(*build);
        each(service, "env_file", [this](Node& file) { resolve(file.find("path")); });
        if (Node* files = usable_member(service, "label_file"))
            for (Entry& entry : files->items()) resolve(entry.value);
        each(service, "volumes", [this](Node& mount) {
            if (member_text(mount, "type") == "bind") resolve(mount.find("source"));
        });
        if (Node* develop = usable_member(service, "develop"))
            each(*develop, "watch", [this](Node& rule) { resolve(rule.find("path")); });
    }

    void resolve_build(Node& build) {
        resolve_context(build.find("context"));
        if (Node* contexts = usable_member(build, "additional_contexts"))
            for (Entry& entry : contexts->items()) resolve_context(entry.value);
        if (Node* keys = usable_member(build, "ssh"))
            for (Entry& entry : keys->items()) resolve(entry.value);
    }

    // What a local volume binds is a path: {type: none, o: bind, device: ./data}.
    void resolve_volume(Node& volume) {
        const std::string driver = member_text(volume, "driver");
        Node* options = usable_member(volume, "driver_opts");
        if (!options || (!driver.empty() && driver != "local")) return;
        const std::vector<std::string> flags = split(member_text(*options, "o"), ',');
        if (std::find(flags.begin(), flags.end(), "bind") != flags.end()) resolve(options->find("device"));
    }

    Tree& tree_;
    const std::string& home_;
};

}  // namespace

std::string host_path(const Tree& tree, const Node& path, const std::string& home) {
    const std::string_view text = path.text;
    if (text == "~" || text.starts_with("~/")) return absolute_path("/", home + std::string{text.substr(1)});
    return absolute_path(tree.file(path.file).base_directory, text);
}

void resolve_paths(Tree& tree, Node& root, const std::string& home) {
    PathResolver{tree, home}.run(root);
}

}  // namespace stack::compose
