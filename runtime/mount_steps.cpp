#include "runtime/mount_steps.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

// File systems whose content is this container's own: it has the label it is given. The kernel's views have theirs.
bool takes_label(std::string_view type) {
    return type == "tmpfs" || type == "devpts" || type == "mqueue";
}

}  // namespace

void MountSteps::purpose(const char* name, const MountRequest& entry) {
    b_.purpose(fmt::format("mounting {}", name), entry.spec ? parse_origin(entry.spec->origin) : std::nullopt,
               fmt::format("the image's {} must be a directory or missing, not a link", name));
}

Slot MountSteps::make(const std::string& slot, const char* type, const MountRequest& entry,
                      std::uint64_t attributes, std::vector<step::FilesystemOption> defaults) {
    const Slot mount = b_.new_slot(slot);
    std::vector<step::FilesystemOption> options = std::move(defaults);
    for (const step::FilesystemOption& option : entry.options.data) {
        std::erase_if(options, [&](const step::FilesystemOption& other) { return other.key == option.key; });
        options.push_back(option);
    }
    if (!label_.empty() && takes_label(type)) options.push_back({"context", label_});
    attributes = (attributes & ~entry.options.clear) | entry.options.set;
    const bool filled_here = std::string_view{type} == "tmpfs" || std::string_view{type} == "proc";
    if (filled_here && (attributes & MOUNT_ATTR_RDONLY) != 0) {
        attributes &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
        read_only_.push_back(mount);
    }
    const bool named = entry.spec && !entry.spec->source.empty();
    b_.add(
        step::MakeFilesystem{type, named ? entry.spec->source : type, std::move(options), attributes, mount});
    if (const std::uint64_t propagation = entry.options.propagation;
        (propagation & ~std::uint64_t{MS_PRIVATE}) != 0)
        b_.add(step::SetMountAttributes{mount, 0, 0, propagation, false});
    if (std::string_view{type} == "tmpfs") own_.push_back(mount);
    return mount;
}

void MountSteps::attach(Slot mount, Slot base, std::string path, step::OpenMountPoint::Kind kind,
                        bool no_links, bool keep) {
    if (is_own(base) && kind == step::OpenMountPoint::Kind::directory && path.find('/') == path.npos) {
        b_.add(step::AttachInside{mount, base, std::move(path), keep || is_used_again(mount)});
        return;
    }
    const Slot target = b_.new_slot("at-" + path);
    b_.add(step::OpenMountPoint{base, std::move(path), kind, mount, no_links, false, target});
    b_.add(step::AttachMount{mount, target, keep || is_used_again(mount)});
}

bool MountSteps::is_own(Slot base) const {
    return std::find(own_.begin(), own_.end(), base) != own_.end();
}

bool MountSteps::is_used_again(Slot mount) const {
    return std::find(read_only_.begin(), read_only_.end(), mount) != read_only_.end();
}

void MountSteps::attach_directory(Slot mount, Slot base, const char* path, bool keep) {
    attach(mount, base, path, step::OpenMountPoint::Kind::directory, true, keep);
}

Slot MountSteps::mount(const char* name, Slot base, const char* path, const char* type,
                       const MountRequest& entry, std::uint64_t attributes,
                       std::vector<step::FilesystemOption> defaults, bool keep) {
    purpose(name, entry);
    const Slot made = make(path, type, entry, attributes, std::move(defaults));
    attach_directory(made, base, path, keep);
    return made;
}

void MountSteps::finish() {
    for (const Slot mount : read_only_) {
        b_.purpose("making a mount read-only");
        b_.add(step::SetMountAttributes{mount, MOUNT_ATTR_RDONLY, 0, 0, false});
    }
}

}  // namespace stack
