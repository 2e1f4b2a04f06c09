#include "manager/engine/cgroup_parents.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup_systemd.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace stack::engine {

namespace {

// systemd.slice(5): `a-b.slice` lies in `a.slice`.
std::string slice_path(const std::string& slice) {
    std::string path;
    for (std::size_t dash = slice.find('-'); dash != std::string::npos; dash = slice.find('-', dash + 1))
        path += "/" + slice.substr(0, dash) + ".slice";
    return path + "/" + slice;
}

bool is_slice(std::string_view name) {
    constexpr std::string_view kSuffix = ".slice";
    if (!name.ends_with(kSuffix) || name.size() == kSuffix.size() || name.find('/') != std::string_view::npos)
        return false;
    const std::string_view stem = name.substr(0, name.size() - kSuffix.size());
    return !stem.starts_with('-') && !stem.ends_with('-') && stem.find("--") == std::string_view::npos;
}

// Both: false when something is in it.
bool remove_group(const std::string& directory) {
    return ::rmdir(directory.c_str()) == 0 || errno == ENOENT;
}

bool remove_slice_of(const std::string& directory, const systemd::Bus& bus) {
    for (const std::string& name : list_directory(directory)) {
        struct stat info {};
        if (::lstat((directory + "/" + name).c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return false;
    }
    remove_slice(directory.substr(directory.rfind('/') + 1), bus);
    return true;
}

}  // namespace

CgroupPlace cgroup_place(const std::string& wanted, const std::string& project_group, const std::string& id) {
    if (wanted.empty()) return {project_group, ""};
    if (!project_group.ends_with(".scope")) {
        std::string path;
        for (const std::string& part : split(wanted, '/'))
            if (!part.empty()) path += "/" + part;
        return {path, ""};
    }
    const std::string name = wanted.substr(wanted.starts_with('/') ? 1 : 0);
    if (!is_slice(name))
        throw Error{ErrorKind::invalid_input, fmt::format("cgroup_parent \"{}\" is no slice", wanted)}
            .with_hint("systemd rules the control groups of this host: write NAME.slice");
    return {slice_path(name), fmt::format("stack-{}.scope", id)};
}

std::vector<std::string> CgroupParents::directories(const std::string& parent) const {
    std::set<std::string> mounts;
    for (const auto& [controller, mount] : layout_.v1_mounts) mounts.insert(mount);
    if (layout_.has_unified()) mounts.insert(layout_.unified_mount);
    std::vector<std::string> result;
    for (const std::string& mount : mounts)
        for (std::size_t end = parent.find('/', 1);; end = parent.find('/', end + 1)) {
            result.push_back(mount + parent.substr(0, end));
            if (end == std::string::npos) break;
        }
    return result;
}

std::vector<std::string> CgroupParents::made() const {
    std::vector<std::string> lines = split(read_file_if_exists(file_).value_or(""), '\n');
    std::erase(lines, "");
    return lines;
}

void CgroupParents::note(const std::vector<std::string>& directories) const {
    if (directories.empty()) {
        ::unlink(file_.c_str());
        return;
    }
    std::string text;
    for (const std::string& directory : directories) text += directory + "\n";
    write_file_atomically(file_, text, Durability::crash, 0600);
}

FileLock CgroupParents::make(const CgroupPlace& place) const {
    FileLock lock = FileLock::acquire(file_ + ".lock");
    std::vector<std::string> missing = directories(place.parent);
    std::erase_if(missing, [](const std::string& directory) { return path_exists(directory); });
    if (missing.empty()) return lock;
    std::vector<std::string> on_record = made();
    // One that somebody has taken away meanwhile is made anew, and again ours.
    for (const std::string& directory : missing)
        if (std::find(on_record.begin(), on_record.end(), directory) == on_record.end())
            on_record.push_back(directory);
    note(on_record);
    if (!place.scope.empty()) return lock;
    for (const std::string& directory : missing)
        if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
            throw_errno(fmt::format("make the control group {}", directory));
    return lock;
}

void CgroupParents::remove_empty(const CgroupPlace& place) const {
    const FileLock lock = FileLock::acquire(file_ + ".lock");
    const std::vector<std::string> above = directories(place.parent);
    std::vector<std::string> left = made();
    const std::size_t before = left.size();
    for (auto directory = above.rbegin(); directory != above.rend(); ++directory) {  // the lowest first
        const auto ours = std::find(left.begin(), left.end(), *directory);
        if (ours == left.end()) continue;
        if (place.scope.empty() ? remove_group(*directory) : remove_slice_of(*directory, bus_))
            left.erase(ours);
    }
    if (left.size() != before) note(left);
}

}  // namespace stack::engine
