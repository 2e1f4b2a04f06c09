#include "runtime/mount_options.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <linux/mount.h>

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace stack {

namespace {

struct AttributeWord {
    std::string_view word;
    std::uint64_t set = 0, clear = 0;
};
// With a leading `r` each also exists for the whole tree (mount_setattr's AT_RECURSIVE).
constexpr AttributeWord kAttributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", 0, MOUNT_ATTR__ATIME},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", 0, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", 0, MOUNT_ATTR__ATIME},
};

struct PropagationWord {
    std::string_view word;
    std::uint64_t flag;
};
constexpr PropagationWord kPropagation[] = {
    {"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}, {"unbindable", MS_UNBINDABLE}};

// Words that ask for what is the case anyway.
constexpr std::array<std::string_view, 10> kNoMeaning{"defaults", "async", "nomand", "noiversion", "silent",
                                                      "loud",     "acl",   "noacl",  "nolazytime", "mand"};
// Of the file system and not of the mount: nothing that a bind mount could change.
constexpr std::array<std::string_view, 4> kSuperblockFlags{"sync", "dirsync", "lazytime", "iversion"};

std::vector<std::string> data_keys(const std::string& type) {
    if (type == "tmpfs")
        return {"size", "nr_blocks", "nr_inodes", "mode",    "uid",    "gid",
                "huge", "mpol",      "noswap",    "inode32", "inode64"};
    if (type == "proc") return {"hidepid", "subset", "gid"};
    if (type == "devpts") return {"newinstance", "ptmxmode", "mode", "uid", "gid", "max"};
    return {};
}

bool apply_attribute(std::string_view word, MountOptions& result) {
    for (const AttributeWord& entry : kAttributes) {
        if (entry.word == word) {
            result.set = (result.set & ~entry.clear) | entry.set;
            result.clear = (result.clear & ~entry.set) | entry.clear;
            return true;
        }
        if (word.size() == entry.word.size() + 1 && word.front() == 'r' && word.substr(1) == entry.word) {
            result.recursive_set = (result.recursive_set & ~entry.clear) | entry.set;
            result.recursive_clear = (result.recursive_clear & ~entry.set) | entry.clear;
            return true;
        }
    }
    return false;
}

bool apply_propagation(std::string_view word, MountOptions& result) {
    for (const PropagationWord& entry : kPropagation) {
        const bool recursive =
            word.size() == entry.word.size() + 1 && word.front() == 'r' && word.substr(1) == entry.word;
        if (!recursive && word != entry.word) continue;
        result.propagation = entry.flag;
        result.recursive_propagation = recursive;
        return true;
    }
    return false;
}

[[noreturn]] void refuse(const std::string& type, const std::string& option) {
    std::vector<std::string> known = data_keys(type);
    for (const AttributeWord& entry : kAttributes) known.emplace_back(entry.word);
    for (const PropagationWord& entry : kPropagation) known.emplace_back(entry.word);
    Error error{ErrorKind::invalid_input, fmt::format("a {} mount has no option \"{}\"", type, option)};
    if (const auto near = nearest(option.substr(0, option.find('=')), known))
        error.with_hint(fmt::format("did you mean \"{}\"?", *near));
    throw error;
}

}  // namespace

MountOptions parse_mount_options(const std::string& type, const std::vector<std::string>& options) {
    MountOptions result;
    result.bind = type == "bind" || std::find(options.begin(), options.end(), "bind") != options.end() ||
                  std::find(options.begin(), options.end(), "rbind") != options.end();
    const std::string effective_type = result.bind ? "bind" : type;
    const std::vector<std::string> keys = data_keys(effective_type);
    for (const std::string& option : options) {
        if (option == "bind" || option == "rbind") {
            result.recursive_bind |= option == "rbind";
        } else if (option == "copyup" || option == "tmpcopyup") {
            result.copy_up = true;
        } else if (option == "idmap" || option == "ridmap") {
            result.id_mapped = true;
            result.recursively_id_mapped |= option == "ridmap";
        } else if (std::find(kSuperblockFlags.begin(), kSuperblockFlags.end(), option) !=
                   kSuperblockFlags.end()) {
            if (!result.bind) result.data.push_back({option, std::nullopt});
        } else if (std::find(kNoMeaning.begin(), kNoMeaning.end(), option) != kNoMeaning.end()) {
            continue;
        } else if (!apply_attribute(option, result) && !apply_propagation(option, result)) {
            const std::size_t equals = option.find('=');
            const std::string key = option.substr(0, equals);
            if (std::find(keys.begin(), keys.end(), key) == keys.end()) refuse(effective_type, option);
            result.data.push_back(
                {key, equals == std::string::npos ? std::nullopt : std::optional{option.substr(equals + 1)}});
        }
    }
    return result;
}

}  // namespace stack
