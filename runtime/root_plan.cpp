#include "runtime/root_plan.hpp"

#include "runtime/hook_plan.hpp"
#include "runtime/id_map_plan.hpp"

#include <linux/mount.h>

#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack {

namespace {

// fsconfig takes 255 characters; `,` ends an option of mount(2), `:` a layer, `\` escapes.
bool is_plain_layer(const std::string& path) {
    return path.size() <= 255 && path.find_first_of(":,\\") == std::string::npos;
}

std::uint32_t host_id_of_root(const std::vector<IdMapping>& mappings) {
    for (const IdMapping& map : mappings)
        if (map.container_id == 0 && map.size > 0) return map.host_id;
    throw Error{ErrorKind::invalid_input, "the mappings of the user namespace have no id 0"};
}

struct Propagation {
    std::uint64_t flag = MS_PRIVATE;
    bool recursive = false;
};
Propagation root_propagation(const std::string& word) {
    if (word.empty()) return {};
    for (const auto& [name, flag] :
         {std::pair{"private", MS_PRIVATE}, std::pair{"slave", MS_SLAVE}, std::pair{"shared", MS_SHARED},
          std::pair{"unbindable", MS_UNBINDABLE}}) {
        const bool recursive = word == std::string{"r"} + name;
        if (recursive || word == name) return {static_cast<std::uint64_t>(flag), recursive};
    }
    throw Error{ErrorKind::invalid_input, fmt::format("there is no mount propagation \"{}\"", word)};
}

}  // namespace

std::uint64_t RootPlanner::host_propagation() const {
    const std::uint64_t flag = root_propagation(spec_.root.propagation).flag;
    return flag == MS_SLAVE || flag == MS_SHARED ? std::uint64_t{MS_SLAVE} : std::uint64_t{MS_PRIVATE};
}

void RootPlanner::open() {
    root_ = b_.new_slot("root");
    const RootSpec& root = spec_.root;
    if (!root.lower.empty()) {
        if (root.upper.empty() || root.work.empty())
            throw Error{ErrorKind::invalid_input, "an overlay root needs an upper and a work directory"};
        const bool mapped = has_mapped_layers(spec_) && facts_.privileged;
        if (mapped) map_layers();
        make_overlay(!mapped && (facts_.in_user_namespace || has_mapped_layers(spec_)));
        return;
    }
    if (!root.path.starts_with('/'))
        throw Error{ErrorKind::invalid_input, "the root file system has neither layers nor an absolute path"};
    b_.purpose("mounting the root file system");
    b_.add(step::CloneHostTree{root.path, true, false, root_});
}

void RootPlanner::make() {
    if (!root_.valid()) open();
    const bool attached = !spec_.root.lower.empty() && !facts_.overlay_layer_append;
    if (!has_create_hooks(spec_))
        enter(!attached);
    else if (!attached)
        b_.add(step::AttachAtHostPath{root_, spec_.root.lower.empty() ? spec_.root.path : spec_.root.work});
}

// Hooks find the whole tree at its path on the host, in the container's mount namespace; it is entered last.
void RootPlanner::finish() {
    if (const Propagation wanted = root_propagation(spec_.root.propagation);
        wanted.flag == MS_SHARED || wanted.flag == MS_UNBINDABLE) {
        b_.purpose("setting the propagation of the root file system");
        b_.add(step::SetMountAttributes{root_, 0, 0, wanted.flag, wanted.recursive});
    }
    if (!has_create_hooks(spec_)) return;
    b_.purpose("waiting for the hooks");
    b_.add(step::AwaitParent{SyncPoint::hooks, false});
    if (!spec_.hooks.create_container.empty())
        plan_hooks(b_, "createContainer", spec_.hooks.create_container, plan_hook_files(b_));
    enter(false);
}

void RootPlanner::enter(bool attach) {
    b_.purpose("entering the root file system");
    b_.add(step::EnterRoot{root_, attach, shape_.pivot});
}

step::LayerRef RootPlanner::layer(const std::string& path, bool by_descriptor) {
    step::LayerRef result{path, {}};
    if (!by_descriptor) return result;
    result.fd = b_.new_slot(fmt::format("layer{}", layer_slots_++));
    b_.add(step::OpenHostPath{path, result.fd});
    return result;
}

void RootPlanner::make_overlay(bool user_xattr) {
    const RootSpec& root = spec_.root;
    b_.purpose("mounting the root file system");
    std::size_t length = 128 + root.upper.size() + root.work.size();
    for (const std::string& path : root.lower) length += path.size() + 1;
    const bool fits = facts_.overlay_layer_append || length < 4000;
    const auto by_descriptor = [&](const std::string& path) { return !fits || !is_plain_layer(path); };
    std::vector<step::LayerRef> lower;
    for (const std::string& path : root.lower) lower.push_back(layer(path, by_descriptor(path)));
    const step::LayerRef upper = layer(root.upper, by_descriptor(root.upper));
    const step::LayerRef work = layer(root.work, by_descriptor(root.work));
    if (facts_.overlay_layer_append)
        b_.add(step::MakeOverlay{std::move(lower), upper, work, user_xattr, root_});
    else
        b_.add(step::MakeOverlayByMount{std::move(lower), upper, work, user_xattr, root.work, root_});
}

// The layers are covered by themselves with the container's ids, in a mount namespace where nobody else sees it. What is
// written has the host's numbers: the one who mounts, root of the host, has no id in a mapped upper layer.
void RootPlanner::map_layers() {
    if (!facts_.overlay_layer_append)
        throw Error{ErrorKind::not_supported, "an overlay root in a user namespace needs Linux 6.8"};
    b_.purpose("mapping the ids of the root file system");
    b_.add(step::SetMountAttributes{{}, 0, 0, MS_PRIVATE, true});
    const Slot ids = id_map_slot(b_, spec_, IdMaps{spec_.uid_mappings, spec_.gid_mappings});
    for (const std::string& path : spec_.root.lower) {
        const Slot slot = b_.new_slot(fmt::format("ids{}", layer_slots_++));
        b_.add(step::CloneHostTree{path, false, false, slot});
        b_.add(step::IdMapMount{slot, ids, false});
        b_.add(step::AttachAtHostPath{slot, path});
    }
    b_.add(step::OwnFreshDirectory{spec_.root.upper, host_id_of_root(spec_.uid_mappings),
                                   host_id_of_root(spec_.gid_mappings)});
}

}  // namespace stack
