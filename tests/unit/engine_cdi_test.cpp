// CDI files: what they may say, which of them counts, and what comes of them.
#include "manager/engine/cdi.hpp"
#include "manager/engine/cdi_file.hpp"
#include "manager/engine/service_devices.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/temp_root.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kYaml = R"(cdiVersion: 0.6.0
kind: example.com/thing
containerEdits:
  env: [ALL=1]
  hooks:
    - {hookName: createContainer, path: /usr/bin/hook, args: [hook, update], timeout: 5}
devices:
  - name: "0"
    containerEdits:
      env: [WHICH=0]
      deviceNodes:
        - {path: /dev/thing0, hostPath: /dev/null, permissions: rw, fileMode: 432, uid: 7}
        - {path: /dev/made, type: c, major: 240, minor: 9}
      mounts:
        - {hostPath: /usr/lib/thing.so, containerPath: /usr/lib/thing.so, options: [ro, nosuid, bind]}
        - {hostPath: tmpfs, containerPath: /scratch, type: tmpfs}
      additionalGids: [44, 0]
  - name: all
    containerEdits: {env: [WHICH=all]}
)";

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(parse_cdi_file(text, "/etc/cdi/x.yaml"));
        return "accepted";
    } catch (const Error& error) {
        return fmt::format("{} {}", error.position().value_or(SourcePosition{}).text(), error.what());
    }
}

// A file with one device that has these edits.
std::string file_with(const std::string& edits, const std::string& kind = "example.com/thing",
                      const std::string& name = "0") {
    return fmt::format(
        "{{\"cdiVersion\": \"1.1.0\", \"kind\": \"{}\", \"devices\": [{{\"name\": \"{}\", "
        "\"containerEdits\": {}}}]}}",
        kind, name, edits);
}

TEST(CdiFile, YamlAndJsonSayTheSame) {
    const CdiFile file = parse_cdi_file(kYaml, "/x.yaml");
    EXPECT_EQ(file.kind, "example.com/thing");
    EXPECT_THAT(file.edits.env, ElementsAre("ALL=1"));
    EXPECT_THAT(file.edits.hooks.create_container,
                ElementsAre(HookSpec{"/usr/bin/hook", {"hook", "update"}, {}, 5}));
    const CdiEdits& edits = file.devices.at("0");
    EXPECT_THAT(edits.nodes,
                ElementsAre(CdiDeviceNode{"/dev/thing0", "/dev/null", 0, {}, {}, 0660, "rw", 7, {}},
                            CdiDeviceNode{"/dev/made", "/dev/made", 'c', 240, 9, {}, "rwm", {}, {}}));
    ASSERT_EQ(edits.mounts.size(), 2u);
    EXPECT_EQ(edits.mounts[0].type, "bind");
    EXPECT_THAT(edits.mounts[0].options, ElementsAre("ro", "nosuid", "bind"));
    EXPECT_EQ(edits.mounts[0].origin, "/x.yaml:15:11");
    EXPECT_EQ(edits.mounts[1].type, "tmpfs");
    EXPECT_THAT(edits.additional_gids, ElementsAre(44));
    const CdiFile json = parse_cdi_file(
        file_with(R"({"env": ["A=b"], "netDevices": [{"hostInterfaceName": "ib0", "name": "ib"}]})"), "/x");
    EXPECT_THAT(json.devices.at("0").env, ElementsAre("A=b"));
    EXPECT_THAT(json.devices.at("0").net_devices, ElementsAre(Pair("ib0", "ib")));
}

TEST(CdiFile, NamesHaveAGrammar) {
    for (const char* name : {"vendor.com/class=0", "v-e_n.d/c-l_a=GPU-1:2.x", "nvidia.com/gpu=all"})
        EXPECT_TRUE(parse_cdi_name(name)) << name;
    for (const char* name :
         {"", "=", "vendor.com/class", "vendor.com=0", "vendor.com/class=", "/class=0", "1v/c=0",
          "vendor./c=0", "v/c/d=0", "v/c=-0", "v/c=0-", "v/c.d=0", "../x=0", "v/c=a/b"})
        EXPECT_FALSE(parse_cdi_name(name)) << name;
}

TEST(CdiFile, WhatIsWrongHasAPlace) {
    EXPECT_THAT(refusal("kind: [\n"), HasSubstr("/etc/cdi/x.yaml:"));
    EXPECT_THAT(refusal("[]"), HasSubstr("mapping of keys to values"));
    EXPECT_THAT(refusal("cdiVersion: 2.0.0\nkind: a/b\n"), HasSubstr("CDI version \"2.0.0\" is not known"));
    EXPECT_THAT(refusal("kind: a/b\n"), HasSubstr("CDI version \"\" is not known"));
    EXPECT_THAT(refusal("cdiVersion: 1.0.0\nkind: thing\n"), HasSubstr("\"thing\" is no kind of device"));
    EXPECT_THAT(refusal("cdiVersion: 1.0.0\nkind: a/b\ndevices: []\n"), HasSubstr("no list of devices"));
    EXPECT_THAT(refusal("cdiVersion: 1.0.0\nkind: a/b\ndevices:\n  - name: x y\n    containerEdits: {}\n"),
                HasSubstr("/etc/cdi/x.yaml:4:5"));
    EXPECT_THAT(refusal("cdiVersion: 1.0.0\nkind: a/b\ndevices: [{name: x}]\n"),
                HasSubstr("\"x\" edits nothing"));
    EXPECT_THAT(refusal(file_with(R"({"env": ["A"]})")), HasSubstr("\"A\" is no variable"));
    EXPECT_THAT(refusal(file_with(R"({"env": {"A": "b"}})")), HasSubstr("env is no list"));
    EXPECT_THAT(refusal(file_with(R"({"intelRdt": {}})")), HasSubstr("the edit intelRdt is not supported"));
    EXPECT_THAT(refusal(file_with(R"({"deviceNodes": [{"path": "dev/x"}]})")),
                HasSubstr("\"dev/x\" is not absolute"));
    EXPECT_THAT(refusal(file_with(R"({"deviceNodes": [{"path": "/dev/x", "type": "cc"}]})")),
                HasSubstr("no type"));
    EXPECT_THAT(refusal(file_with(R"({"deviceNodes": [{"path": "/dev/x", "permissions": "x"}]})")),
                HasSubstr("r, w and m"));
    EXPECT_THAT(refusal(file_with(R"({"deviceNodes": [{"path": "/dev/x", "major": -1}]})")),
                HasSubstr("major"));
    EXPECT_THAT(refusal(file_with(R"({"mounts": [{"hostPath": "x", "containerPath": "/x"}]})")),
                HasSubstr("not absolute"));
    EXPECT_THAT(refusal(file_with(R"({"hooks": [{"hookName": "later", "path": "/x"}]})")),
                HasSubstr("no hook \"later\""));
    EXPECT_THAT(refusal(file_with(R"({"additionalGids": [4294967295]})")), HasSubstr("no group id"));
    EXPECT_THAT(refusal(std::string((1u << 20) + 1, ' ')), HasSubstr("larger than 1 MiB"));
}

class Cdi : public ::testing::Test {
  protected:
    void write(const std::string& name, const std::string& text) {
        const std::filesystem::path path{dir_.file(name)};
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path} << text;
    }
    [[nodiscard]] std::vector<std::string> directories() const {
        return {dir_.file("etc"), dir_.file("run")};
    }
    [[nodiscard]] CdiDevices devices() const { return CdiDevices{directories()}; }
    template <class Ask>
    static std::string error_of(Ask ask) {
        try {
            ask();
            return "accepted";
        } catch (const Error& error) {
            return fmt::format("{} {} | {}", error.position().value_or(SourcePosition{}).text(), error.what(),
                               error.hint());
        }
    }

  private:
    test::TempDir dir_;
};

TEST_F(Cdi, ADeviceBringsWhatItsFileHasForAll) {
    write("etc/thing.yaml", kYaml);
    EXPECT_THAT(
        devices().edits_of({"example.com/thing=0", "example.com/thing=all", "example.com/thing=0"}).env,
        ElementsAre("ALL=1", "WHICH=0", "WHICH=all"));
}

TEST_F(Cdi, WhatIsWrittenAtBootGoesBeforeWhatIsInstalled) {
    write("etc/a.json", file_with(R"({"env": ["FROM=etc"]})"));
    write("run/a.json", file_with(R"({"env": ["FROM=run"]})"));
    EXPECT_THAT(devices().edits_of({"example.com/thing=0"}).env, ElementsAre("FROM=run"));
}

TEST_F(Cdi, TwoFilesOfOneDirectoryContradictEachOther) {
    write("etc/a.json", file_with("{}"));
    write("etc/b.json", file_with("{}"));
    EXPECT_THAT(error_of([&] { static_cast<void>(devices().edits_of({"example.com/thing=0"})); }),
                HasSubstr("two specifications have a device \"example.com/thing=0\""));
}

TEST_F(Cdi, ABrokenFileIsAnErrorOnlyForWhoMissesADevice) {
    write("etc/good.json", file_with("{}"));
    write("etc/broken.yaml", "kind: [");
    write("etc/notes.txt", "not looked at");
    EXPECT_EQ(error_of([&] { static_cast<void>(devices().edits_of({"example.com/thing=0"})); }), "accepted");
    EXPECT_THAT(error_of([&] { static_cast<void>(devices().edits_of({"example.com/thing=1"})); }),
                HasSubstr("broken.yaml"));
}

TEST_F(Cdi, AMissingDeviceIsNamedWithWhatThereIs) {
    EXPECT_THAT(error_of([&] { static_cast<void>(devices().edits_of({"example.com/thing=0"})); }),
                HasSubstr("no specification of devices is in"));
    write("etc/a.json", file_with("{}"));
    EXPECT_THAT(error_of([&] { static_cast<void>(devices().edits_of({"example.com/thng=0"})); }),
                HasSubstr("did you mean \"example.com/thing=0\"?"));
}

TEST_F(Cdi, AnyNumberOfDevicesIsChosenInTheirOrder) {
    std::string file = "cdiVersion: 1.0.0\nkind: nvidia.com/gpu\ndevices:\n";
    for (const char* name : {"10", "2", "GPU-4fe1", "0"})
        file += fmt::format("  - {{name: \"{}\", containerEdits: {{}}}}\n", name);
    write("etc/gpu.yaml", file);
    EXPECT_THAT(devices().choose("nvidia.com/gpu", 2), ElementsAre("nvidia.com/gpu=0", "nvidia.com/gpu=2"));
    EXPECT_THAT(devices().choose("nvidia.com/gpu", -1),
                ElementsAre("nvidia.com/gpu=0", "nvidia.com/gpu=2", "nvidia.com/gpu=10"));
    EXPECT_THAT(error_of([&] { static_cast<void>(devices().choose("nvidia.com/gpu", 4)); }),
                HasSubstr("devices of kind nvidia.com/gpu: 4 wanted, 3 there"));
    EXPECT_THAT(error_of([&] { static_cast<void>(devices().choose("amd.com/gpu", -1)); }),
                HasSubstr("1 wanted, 0 there"));
    write("etc/gpu.yaml", file + "  - {name: all, containerEdits: {}}\n");
    EXPECT_THAT(devices().choose("nvidia.com/gpu", -1), ElementsAre("nvidia.com/gpu=all"));
}

TEST_F(Cdi, RequestsOfAServiceBecomeNames) {
    write("etc/gpu.json", file_with(R"({"env": ["GPU=0"]})", "nvidia.com/gpu"));
    write("etc/thing.yaml", kYaml);
    compose::Service service;
    EXPECT_EQ(device_edits(service, directories()), CdiEdits{});
    service.device_requests.push_back(
        {.driver = "", .capabilities = {"gpu"}, .device_ids = {}, .count = 1, .position = {}});
    service.device_requests.push_back({.driver = "cdi",
                                       .capabilities = {},
                                       .device_ids = {"example.com/thing=all"},
                                       .count = -1,
                                       .position = {}});
    EXPECT_THAT(device_edits(service, directories()).env, ElementsAre("GPU=0", "ALL=1", "WHICH=all"));
    service.devices.push_back({"example.com/thing=9", "", "rwm", {"compose.yaml", 4, 7}});
    EXPECT_THAT(error_of([&] { static_cast<void>(device_edits(service, directories())); }),
                HasSubstr("compose.yaml:4:7 there is no device \"example.com/thing=9\""));
}

TEST_F(Cdi, EditsChangeTheSpec) {
    write("etc/thing.yaml", kYaml);
    ContainerSpec spec;
    spec.process.env = {"PATH=/bin", "WHICH=mine"};
    apply_cdi_edits(devices().edits_of({"example.com/thing=0"}), spec);
    EXPECT_THAT(spec.process.env, ElementsAre("PATH=/bin", "ALL=1", "WHICH=0"));
    ASSERT_EQ(spec.devices.size(), 2u);
    EXPECT_EQ(spec.devices[0], (DeviceSpec{"/dev/thing0", 'c', 1, 3, 0660, 7, 0}));
    EXPECT_EQ(spec.devices[1], (DeviceSpec{"/dev/made", 'c', 240, 9, 0660, 0, 0}));
    EXPECT_EQ(spec.resources.devices[0], (DeviceRule{true, 'c', 1, 3, "rw"}));
    EXPECT_EQ(spec.mounts.size(), 2u);
    EXPECT_THAT(spec.process.group_add, ElementsAre("44"));
    EXPECT_EQ(spec.hooks.create_container.size(), 1u);
    write("etc/thing.yaml", file_with(R"({"deviceNodes": [{"path": "/dev/no-such-node-anywhere"}]})"));
    EXPECT_THAT(error_of([&] { apply_cdi_edits(devices().edits_of({"example.com/thing=0"}), spec); }),
                HasSubstr("no-such-node-anywhere"));
}

}  // namespace
}  // namespace stack::engine
