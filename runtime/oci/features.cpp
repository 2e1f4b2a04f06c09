#include "runtime/oci/features.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/version.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/init_program.hpp"
#include "runtime/mount_options.hpp"
#include "runtime/oci/namespace_names.hpp"
#include "runtime/seccomp_words.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::oci {

namespace {

using Json = nlohmann::ordered_json;

Json sorted(std::vector<std::string> words) {
    std::sort(words.begin(), words.end());
    return words;
}

Json namespace_names() {
    std::vector<std::string> names;
    names.reserve(std::size(kNamespaceNames));
    for (const auto& [name, kind] : kNamespaceNames) names.emplace_back(name);
    return sorted(std::move(names));
}

bool reads_option(const char* type, const std::string& option) {
    try {
        static_cast<void>(parse_mount_options(type, {option}));
        return true;
    } catch (const Error&) {
        return false;
    }
}

// Whether the core takes a container that asks for this, so that nothing is promised that it would refuse.
bool core_takes(const std::function<void(ContainerSpec&)>& ask) {
    ContainerSpec spec;
    spec.root.path = "/";
    spec.namespaces = default_namespaces();
    spec.process.args = {"/init"};
    ask(spec);
    try {
        static_cast<void>(build_init_program(spec, HostFacts{}, LaunchShape{}));
        return true;
    } catch (const Error& error) {
        return error.kind() != ErrorKind::not_supported;
    }
}

bool takes_action(std::string_view action) {
    return core_takes([&](ContainerSpec& spec) {
        SeccompProfile profile;
        profile.default_action = "SCMP_ACT_ALLOW";
        profile.syscalls = {{{"mount"}, std::string{action}, std::nullopt, {}}};
        spec.seccomp = {SeccompSpec::Kind::profile, std::move(profile)};
    });
}

Json names_of(const std::vector<SeccompWord>& words) {
    std::vector<std::string> names;
    names.reserve(words.size());
    for (const SeccompWord& word : words) names.emplace_back(word.name);
    return sorted(std::move(names));
}

Json seccomp_features() {
    std::vector<SeccompWord> actions = seccomp_actions();
    std::erase_if(actions, [](const SeccompWord& action) { return !takes_action(action.name); });
    return {{"enabled", true},
            {"actions", names_of(actions)},
            {"operators", names_of(seccomp_operators())},
            {"archs", names_of(seccomp_architectures())},
            {"knownFlags", names_of(seccomp_flags())},
            {"supportedFlags", names_of(seccomp_flags())}};
}

// Of the specification's words those that the core takes.
Json mount_options() {
    std::vector<std::string> words{
        "acl",         "async",  "bind",    "defaults", "dirsync",    "idmap",      "iversion",
        "lazytime",    "loud",   "mand",    "noacl",    "noiversion", "nolazytime", "nomand",
        "private",     "rbind",  "remount", "ridmap",   "rprivate",   "rshared",    "rslave",
        "runbindable", "shared", "silent",  "slave",    "sync",       "tmpcopyup",  "unbindable"};
    for (const char* word : {"atime", "dev", "diratime", "exec", "noatime", "nodev", "nodiratime", "noexec",
                             "norelatime", "nostrictatime", "nosuid", "nosymfollow", "relatime", "ro", "rw",
                             "strictatime", "suid", "symfollow"}) {
        words.emplace_back(word);
        words.push_back(std::string{"r"} + word);
    }
    std::erase_if(words, [](const std::string& word) {
        return !reads_option("tmpfs", word) && !reads_option("bind", word);
    });
    return sorted(std::move(words));
}

Json linux_features() {
    return {
        {"namespaces", namespace_names()},
        {"capabilities", capability_names()},
        {"cgroup", {{"v1", true}, {"v2", true}, {"systemd", true}, {"systemdUser", true}, {"rdma", true}}},
        {"seccomp", seccomp_features()},
        {"apparmor",
         {{"enabled", core_takes([](ContainerSpec& spec) { spec.process.apparmor_profile = "a"; })}}},
        {"selinux", {{"enabled", core_takes([](ContainerSpec& spec) { spec.process.selinux_label = "a"; })}}},
        {"intelRdt", {{"enabled", false}}},
        {"mountExtensions", {{"idmap", {{"enabled", reads_option("bind", "idmap")}}}}},
        {"netDevices", {{"enabled", core_takes([](ContainerSpec& spec) {
                             spec.net_devices = {{"a", "b"}};
                         })}}},
        {"memoryPolicy", Json::object()}};
}

}  // namespace

std::string features_document() {
    const Json document = {
        {"ociVersionMin", "1.0.0"},
        {"ociVersionMax", "1.3.0"},
        {"hooks",
         {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}},
        {"mountOptions", mount_options()},
        {"linux", linux_features()},
        {"annotations", {{"org.stack.stack-runtime.version", kVersion}}},
        {"potentiallyUnsafeConfigAnnotations", {"org.systemd.property."}}};
    return document.dump(2) + "\n";
}

}  // namespace stack::oci
