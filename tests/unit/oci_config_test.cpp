// config.json <-> ContainerSpec: documents as the usual callers write them, and what is wrong with others.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/oci/config_reader.hpp"
#include "runtime/oci/config_writer.hpp"
#include "tests/support/paths.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::oci {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string config_text(const std::string& name) {
    return read_file(test::source_path("tests/golden/oci/configs/" + name));
}

// The least that is a configuration, changed by a JSON patch document (RFC 7396).
std::string minimal(const std::string& patch = "{}") {
    json document = json::parse(R"({"ociVersion": "1.0.0", "root": {"path": "rootfs"},
        "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}}})");
    document.merge_patch(json::parse(patch));
    return document.dump();
}

std::string refusal(const std::string& text) {
    try {
        read_config(text);
        return "accepted";
    } catch (const Error& error) {
        return error.what();
    }
}

std::string refusal_of(const std::string& patch) {
    return refusal(minimal(patch));
}

class OciConfigCorpus : public ::testing::TestWithParam<const char*> {};

TEST_P(OciConfigCorpus, SurvivesReadingAndWriting) {
    const std::string text = config_text(GetParam());
    const OciConfig config = read_config(text);
    EXPECT_THAT(config.warnings, IsEmpty());
    const std::string written = write_config(config, 2);
    EXPECT_EQ(json::parse(written).dump(1), json::parse(text).dump(1));
    EXPECT_EQ(read_config(written), config);
}

INSTANTIATE_TEST_SUITE_P(Callers, OciConfigCorpus,
                         ::testing::Values("runc-spec.json", "podman.json", "docker.json", "containerd.json",
                                           "everything.json"),
                         [](const auto& name) {
                             std::string text = name.param;
                             for (char& c : text)
                                 if (c == '-' || c == '.') c = '_';
                             return text;
                         });

TEST(OciConfig, ReadsWhatPodmanAsksFor) {
    const ContainerSpec spec = read_config(config_text("podman.json")).spec;
    EXPECT_EQ(spec.process.umask, 18u);
    EXPECT_EQ(spec.process.rlimits.at(1), (RlimitSpec{"RLIMIT_NPROC", 4194304, UINT64_MAX}));
    EXPECT_EQ(spec.namespaces.at(1), (NamespaceSpec{NamespaceKind::network, "/run/netns/netns-1d2e3f"}));
    EXPECT_EQ(spec.uid_mappings.at(0), (IdMapping{0, 100000, 65536}));
    EXPECT_EQ(spec.resources.memory_swap_bytes, 134217728);
    EXPECT_EQ(spec.hooks.poststop.at(0).timeout_seconds, 10);
    EXPECT_EQ(spec.seccomp.kind, SeccompSpec::Kind::profile);
    EXPECT_EQ(spec.seccomp.profile->syscalls.at(3).arguments.at(0),
              (SeccompArgument{0, 2114060288, 1, "SCMP_CMP_MASKED_EQ"}));
}

TEST(OciConfig, HasNoSeccompFilterUnlessOneIsGiven) {
    EXPECT_EQ(read_config(minimal()).spec.seccomp.kind, SeccompSpec::Kind::unconfined);
}

TEST(OciConfig, IgnoresUnknownKeysAndOtherPlatforms) {
    const std::string text =
        minimal(R"({"windows": {"layerFolders": 3}, "solaris": {}, "vm": {}, "freebsd": {}, "zos": {},
                    "linux": {"future": [1]}, "process": {"user": {"username": "x"}}})");
    EXPECT_EQ(read_config(text), read_config(minimal()));
}

TEST(OciConfig, TakesNullForAbsent) {
    const char* text = R"({"ociVersion": "1.0.0", "root": {"path": "rootfs"}, "mounts": null, "linux": null,
        "process": {"args": ["sh"], "cwd": "/", "env": null, "capabilities": null, "user": null}})";
    EXPECT_EQ(read_config(text), read_config(minimal()));
}

TEST(OciConfig, WarnsOfWhatHasNoEffect) {
    EXPECT_THAT(
        read_config(minimal(R"({"process": {"capabilities": {"bounding": ["CAP_NEW_ONE", "CAP_KILL"]}},
                                "linux": {"resources": {"memory": {"kernelTCP": 5, "useHierarchy": true}}}})"))
            .warnings,
        ::testing::ElementsAre(
            "process.capabilities.bounding: unknown capability \"CAP_NEW_ONE\" is left out",
            "linux.resources.memory.kernelTCP has no effect: kernels have no such limit any more"));
}

TEST(OciConfig, NamesThePlaceOfAFault) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"process": {"args": []}})", "process.args must name the program to run"},
        {R"({"process": {"args": ["a", 7]}})", "process.args[1] is not a string but number"},
        {R"({"process": {"args": ["a\u0000b"]}})", "process.args[0] has a NUL character in it"},
        {R"({"process": {"cwd": "srv"}})", "process.cwd is \"srv\", which is not an absolute path"},
        {R"({"process": {"terminal": 1}})", "process.terminal is not true or false but number"},
        {R"({"process": {"user": {"uid": 4294967296}}})",
         "process.user.uid is 4294967296, which is not between 0 and 4294967295"},
        {R"({"process": {"user": {"uid": -1}}})",
         "process.user.uid is -1, which is not between 0 and 4294967295"},
        {R"({"process": {"user": {"uid": 4294967295}}})",
         "process.user.uid is 4294967295, which is nobody's id"},
        {R"({"process": {"user": {"additionalGids": [4294967295]}}})",
         "process.user.additionalGids[0] is 4294967295, which is nobody's id"},
        {R"({"process": {"user": {"uid": 1.5}}})", "process.user.uid is not a whole number but 1.5"},
        {R"({"process": {"user": {"umask": 512}}})", "process.user.umask is above 0777 (511)"},
        {R"({"process": {"rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]}})",
         "process.rlimits[0].soft is 2, which is above the hard limit 1"},
        {R"({"process": {"rlimits": [{"type": "A", "soft": 1, "hard": 1}, {"type": "A", "soft": 1, "hard": 1}]}})",
         "process.rlimits[1].type names A a second time"},
        {R"({"process": {"rlimits": [{"type": "A", "soft": 1}]}})", "process.rlimits[0].hard is missing"},
        {R"({"process": {"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}}})",
         "process.ioPriority.priority is 8, which is not between 0 and 7"},
        {R"({"process": null})", "process is missing"},
        {R"({"root": {"path": null}})", "root.path is missing"},
        {R"({"root": null})", "root is missing"},
        {R"({"mounts": {}})", "mounts is not a list but object"},
        {R"({"mounts": [{"type": "tmpfs"}]})", "mounts[0].destination is missing"},
        {R"({"mounts": [{"destination": "/a", "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}]})",
         "mounts[0] has only one of uidMappings and gidMappings"},
        {R"({"hooks": {"poststop": [{"path": "a"}]}})",
         "hooks.poststop[0].path is \"a\", which is not an absolute path"},
        {R"({"hooks": {"prestart": [{"path": "/a", "timeout": 0}]}})",
         "hooks.prestart[0].timeout must be above 0 seconds"},
        {R"({"linux": {"namespaces": [{"type": "pid"}, {"type": "net"}]}})",
         "linux.namespaces[1].type is \"net\", which is no kind of namespace"},
        {R"({"linux": {"namespaces": [{"type": "pid"}, {"type": "pid"}]}})",
         "linux.namespaces[1].type names the pid namespace a second time"},
        {R"({"linux": {"namespaces": [{"type": "pid", "path": "ns"}]}})",
         "linux.namespaces[0].path is \"ns\", which is not an absolute path"},
        {R"({"linux": {"uidMappings": [{"containerID": 0, "hostID": 0, "size": 0}]}})",
         "linux.uidMappings[0].size is 0: such a mapping maps nobody"},
        {R"({"linux": {"devices": [{"path": "/dev/x", "type": "x"}]}})",
         "linux.devices[0].type is \"x\", which is none of cbup"},
        {R"({"linux": {"rootfsPropagation": "public"}})",
         "linux.rootfsPropagation is \"public\", which is no propagation"},
        {R"({"linux": {"timeOffsets": {"realtime": {"secs": 1}}}})",
         "linux.timeOffsets.realtime is for no clock that has offsets: those are monotonic and boottime"},
        {R"({"linux": {"personality": {"domain": "BSD"}}})",
         "linux.personality.domain is \"BSD\", which is neither LINUX nor LINUX32"},
        {R"({"linux": {"resources": {"devices": [{"access": "rx"}]}}})",
         "linux.resources.devices[0].access is \"rx\": only the letters r, w and m have a meaning"},
        {R"({"linux": {"resources": {"cpu": {"idle": 2}}}})",
         "linux.resources.cpu.idle is 2, which is neither 0 nor 1"},
        {R"({"linux": {"seccomp": {"syscalls": []}}})", "linux.seccomp.defaultAction is missing"},
        {R"({"linux": {"seccomp": {"defaultAction": "A", "syscalls": [{"names": ["a"], "action": "B",
              "args": [{"index": 6, "value": 0, "op": "C"}]}]}}})",
         "linux.seccomp.syscalls[0].args[0].index is above 5: system calls have six arguments"},
        {R"({"annotations": {"a": 1}})", "annotations.a is not a string but number"},
    };
    for (const auto& [patch, message] : cases) EXPECT_EQ(refusal_of(patch), message) << patch;
}

TEST(OciConfig, RefusesByNameWhatItWouldNotDo) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"ociVersion": "2.0.0"})", "ociVersion \"2.0.0\" is not supported"},
        {R"({"linux": {"intelRdt": {}}})", "linux.intelRdt is not supported"},
        {R"({"linux": {"memoryPolicy": {"mode": "MPOL_BIND"}}})", "linux.memoryPolicy is not supported"},
        {R"({"linux": {"resources": {"cpu": {"realtimeRuntime": 1}}}})",
         "linux.resources.cpu.realtimeRuntime is not supported"},
        {R"({"linux": {"resources": {"network": {"classID": 1}}}})",
         "linux.resources.network.classID is not supported"},
        {R"({"linux": {"resources": {"rdma": {"mlx5_1": {"hcaHandles": -3}}}}})",
         "linux.resources.rdma.mlx5_1.hcaHandles is -3, which is not between 0 and 4294967295"},
        {R"({"linux": {"personality": {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}}})",
         "linux.personality.flags is not supported"},
    };
    for (const auto& [patch, message] : cases) EXPECT_EQ(refusal_of(patch), message) << patch;
}

TEST(OciConfig, StandsHostileDocuments) {
    EXPECT_THAT(refusal(""), HasSubstr("config.json is not valid JSON"));
    EXPECT_THAT(refusal("[]"), HasSubstr("config.json is not a JSON object but array"));
    EXPECT_THAT(refusal(std::string(1'000'000, '[')), HasSubstr("has more than 64 levels"));
    EXPECT_THAT(refusal(std::string(std::size_t{9} << 20, ' ')), HasSubstr("is larger than 8 MiB"));
    EXPECT_THAT(refusal_of(json{{"hostname", std::string(200'000, 'x')}}.dump()),
                HasSubstr("hostname is longer than 128 KiB"));
    EXPECT_THAT(refusal("{\"hostname\": \"\xff\"}"), HasSubstr("config.json is not valid JSON"));
}

TEST(OciConfig, TakesRelativePathsFromTheBundle) {
    ContainerSpec spec = read_config(config_text("everything.json")).spec;
    resolve_bundle_paths(spec, "/bundle");
    EXPECT_EQ(spec.root.path, "/bundle/rootfs");
    EXPECT_EQ(spec.mounts.at(0).source, "/bundle/data");
    spec = read_config(config_text("podman.json")).spec;
    const ContainerSpec before = spec;
    resolve_bundle_paths(spec, "/bundle");
    EXPECT_EQ(spec, before);
}

TEST(OciConfig, ReadsProcessAndResourcesByThemselves) {
    std::vector<std::string> warnings;
    EXPECT_EQ(read_process_document(R"({"args": ["ls"], "cwd": "/tmp"})", warnings).args,
              std::vector<std::string>{"ls"});
    EXPECT_EQ(read_resources_document(R"({"pids": {"limit": 5}})", warnings).pids_limit, 5);
    EXPECT_THROW(read_resources_document(R"({"pids": {"limit": "5"}})", warnings), Error);
}

}  // namespace
}  // namespace stack::oci
