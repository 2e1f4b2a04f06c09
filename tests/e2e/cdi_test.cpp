// Devices by name: a made-up vendor's CDI file, and services that ask for its devices in each of the ways.
#include "tests/support/stack_test_fixture.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CdiDevicesOfServices : public StackTest {
  protected:
    void SetUp() override {
        StackTest::SetUp();
        driver_ = stack().write("libthing.so", "the driver\n");
        hook_ = stack().write("hook", fmt::format("#!/bin/sh\ncat > {}\n", told()), 0755);
    }
    [[nodiscard]] std::string directory() const { return stack().dirs().project_dir() + "/cdi"; }
    [[nodiscard]] std::string told() const { return stack().dirs().project_dir() + "/told"; }
    void write_specification(const std::string& kind) {
        stack().write("cdi/thing.yaml", fmt::format(R"(
cdiVersion: 0.6.0
kind: {0}
containerEdits:
  mounts:
    - {{hostPath: {1}, containerPath: /usr/lib/libthing.so, options: [ro, nosuid, nodev, bind]}}
  hooks:
    - {{hookName: createRuntime, path: {2}}}
devices:
  - name: "0"
    containerEdits:
      env: [THING=0]
      deviceNodes: [{{path: /dev/thing0, hostPath: /dev/full, permissions: rw}}]
  - name: "1"
    containerEdits:
      env: [THING=1]
)",
                                                    kind, driver_, hook_));
    }
    [[nodiscard]] Outcome up_with(const std::string& lines) {
        stack().compose("services:\n  web:\n    image: payload\n    command: [stack-payload, sleep]\n" +
                        lines);
        Invocation invocation;
        invocation.args = {"up", "-d"};
        invocation.env = {{"STACK_CDI_DIRS", directory()}};
        return stack().run(std::move(invocation));
    }

  private:
    std::string driver_, hook_;
};

TEST_F(CdiDevicesOfServices, ADeviceOfTheListBringsNodeVariableMountAndHook) {
    write_specification("example.com/thing");
    EXPECT_EXIT_CODE(up_with("    devices: ['example.com/thing=0']\n"), 0);
    EXPECT_THAT(
        exec("web", {"sh", "-c", "echo $THING; cat /usr/lib/libthing.so; echo x > /dev/thing0"}).text(),
        ::testing::AllOf(HasSubstr("0\nthe driver\n"), HasSubstr("No space left on device")));
    EXPECT_THAT(exec("web", {"sh", "-c", "echo x > /usr/lib/libthing.so"}).text(), HasSubstr("Read-only"));
    std::ostringstream told_text;
    told_text << std::ifstream{told()}.rdbuf();
    EXPECT_THAT(told_text.str(), HasSubstr("\"status\":\"creating\""));
    EXPECT_THAT(told_text.str(), HasSubstr("\"stack.service\":\"web\""));
}

TEST_F(CdiDevicesOfServices, AGpuIsADeviceOfItsVendorsKind) {
    write_specification("nvidia.com/gpu");
    EXPECT_EXIT_CODE(up_with("    gpus: [{count: 1}]\n"), 0);
    EXPECT_THAT(exec("web", {"sh", "-c", "echo $THING"}).text(), HasSubstr("0\n"));
}

TEST_F(CdiDevicesOfServices, AReservationNamesDevicesByTheirIds) {
    write_specification("nvidia.com/gpu");
    EXPECT_EXIT_CODE(
        up_with("    deploy: {resources: {reservations: {devices: [{capabilities: [gpu], driver: nvidia, "
                "device_ids: ['1']}]}}}\n"),
        0);
    EXPECT_THAT(exec("web", {"sh", "-c", "echo $THING; ls /dev"}).text(),
                ::testing::AllOf(HasSubstr("1\n"), Not(HasSubstr("thing0"))));
}

TEST_F(CdiDevicesOfServices, AMissingDeviceIsAnErrorAtItsEntry) {
    write_specification("example.com/thing");
    const Outcome outcome = up_with("    devices: ['example.com/thing=7']\n");
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.text(), HasSubstr("there is no device \"example.com/thing=7\""));
    EXPECT_THAT(outcome.text(), HasSubstr("compose.yaml:5:"));
    EXPECT_TRUE(nothing_was_created());
}

}  // namespace
}  // namespace stack::test
