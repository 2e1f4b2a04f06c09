#include "runtime/root_plan.hpp"

#include "runtime/hook_plan.hpp"
#include "runtime/id_map_plan.hpp"

#include <linux/mount.h>

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack {

namespace {

// fsconfig takes 255 characters; `,` ends an option of mount(2), `:` a layer, `\` escapes.
bool is_plain_layer(const std::string& path) {
    return path.size() <= 255 && path.find_first_of(":,\\") == std::string::npos;
}

// mount(2) takes one page of options. A descriptor's name in it: "/proc/self/fd/", a number below 10000, the separator.
constexpr std::size_t kPageOfOptions = 4096, kOtherOptions = 128, kDescriptorName = 19;
constexpr std::size_t kMaxLayersOfOnePage = (kPageOfOptions - kOtherOptions) / kDescriptorName;

bool fits_one_page(const RootSpec& root) {
    std::size_t length = kOtherOptions + root.upper.size() + root.work.size();
    for (const std::string& path : root.lower) length += std::max(path.size() + 1, kDescriptorName);
    return length < kPageOfOptions;
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
    // Here mounts are still those of the host, or a copy that takes part in what happens to them.
    if (!spec_.root.lower.empty()) {
        b_.purpose("making the container's mounts private");
        b_.add(step::SetMountAttributes{{}, 0, 0, MS_PRIVATE, true});
    }
    make_tree();
    if (spec_.root.lower.empty()) b_.add(step::SetMountAttributes{root_, 0, 0, host_propagation(), true});
}

void RootPlanner::make_tree() {
    root_ = b_.new_slot("root");
    const RootSpec& root = spec_.root;
    if (!root.lower.empty()) {
        if (root.upper.empty() || root.work.empty())
            throw Error{ErrorKind::invalid_input, "an overlay root needs an upper and a work directory"};
        make_overlay();
        return;
    }
    if (!root.path.starts_with('/'))
        throw Error{ErrorKind::invalid_input, "the root file system has neither layers nor an absolute path"};
    b_.purpose("mounting the root file system");
    b_.add(step::CloneHostTree{root.path, true, false, root_});
}

void RootPlanner::make() {
    if (!root_.valid()) make_tree();
    if (!has_create_hooks(spec_)) return enter(true);
    b_.add(step::AttachAtHostPath{root_, spec_.root.lower.empty() ? spec_.root.path : spec_.root.work});
}

// Hooks find the whole tree at its path on the host, in the container's mount namespace; it is entered last. Its propagation
// comes after that: a shared root can't be pivoted to.
void RootPlanner::finish() {
    if (has_create_hooks(spec_)) {
        b_.purpose("waiting for the hooks");
        b_.add(step::AwaitParent{SyncPoint::hooks, false});
        if (!spec_.hooks.create_container.empty())
            plan_hooks(b_, "createContainer", spec_.hooks.create_container, plan_hook_files(b_));
        enter(false);
    }
    const Propagation wanted = root_propagation(spec_.root.propagation);
    if (wanted.flag != MS_SHARED && wanted.flag != MS_UNBINDABLE) return;
    b_.purpose("setting the propagation of the root file system");
    b_.add(step::SetMountAttributes{root_, 0, 0, wanted.flag, wanted.recursive});
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

std::vector<step::LayerRef> RootPlanner::open_layers(bool by_descriptor) {
    std::vector<step::LayerRef> lower;
    for (const std::string& path : spec_.root.lower)
        lower.push_back(layer(path, by_descriptor || !is_plain_layer(path)));
    return lower;
}

void RootPlanner::make_overlay() {
    const RootSpec& root = spec_.root;
    const bool mapped = has_mapped_layers(spec_) && facts_.privileged;
    const bool user_xattr = !mapped && (facts_.in_user_namespace || has_mapped_layers(spec_));
    const bool fits = facts_.overlay_layer_append || fits_one_page(root);
    if (!facts_.overlay_layer_append && root.lower.size() > kMaxLayersOfOnePage)
        throw Error{ErrorKind::not_supported,
                    fmt::format("an overlay root of {} layers needs Linux 6.8, before it can have {}",
                                root.lower.size(), kMaxLayersOfOnePage)};
    b_.purpose("mounting the root file system", std::nullopt,
               mapped ? "layers with mapped ids need Linux 5.19 and a file system that can map ids" : "");
    std::vector<step::LayerRef> lower = mapped ? map_layers() : open_layers(!fits);
    const step::LayerRef upper = layer(root.upper, !fits || !is_plain_layer(root.upper));
    const step::LayerRef work = layer(root.work, !fits || !is_plain_layer(root.work));
    if (facts_.overlay_layer_append)
        b_.add(step::MakeOverlay{std::move(lower), upper, work, user_xattr, root_});
    else
        b_.add(step::MakeOverlayByMount{std::move(lower), upper, work, user_xattr, root.work, root_});
}

// Each layer is covered by itself with the container's ids, in a mount namespace where nobody else sees it: overlayfs takes
// layers that are attached somewhere only. What is written has the host's numbers: the one who mounts, root of the host, has
// no id in a mapped upper layer.
std::vector<step::LayerRef> RootPlanner::map_layers() {
    const Slot ids = id_map_slot(b_, spec_, container_id_maps(spec_));
    std::vector<step::LayerRef> lower;
    for (const std::string& path : spec_.root.lower) {
        const Slot plain = layer(path, true).fd;
        const Slot mapped = b_.new_slot(fmt::format("ids{}", lower.size()));
        b_.add(step::CloneOpenFile{plain, mapped});
        b_.add(step::IdMapMount{mapped, ids, false});
        b_.add(step::AttachMount{mapped, plain, true});
        lower.push_back({path, mapped});
    }
    b_.add(step::OwnFreshDirectory{spec_.root.upper, host_id_of_root(spec_.uid_mappings),
                                   host_id_of_root(spec_.gid_mappings)});
    return lower;
}

}  // namespace stack
