// Containers of the payload image, started by the launcher alone: no cgroup, no network, no supervisor.
#pragma once

#include "runtime/container_defaults.hpp"
#include "runtime/launcher.hpp"
#include "tests/support/private_namespaces.hpp"
#include "tests/support/temp_root.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace stack::test {

/// How a container's process ended, or why it did not start.
struct ContainerRun {
    int exit_code = -1;  ///< 128+n for signal n; what `exec` would exit with when it did not start
    std::string out;     ///< stdout and stderr
    std::string error;   ///< Error::what() when it did not start
    std::string hint;
    std::string position;
};

class RuntimeTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;  ///< also checks that no process and no mount is left

    /// Default namespaces and capabilities, masks, an overlay over the image with a fresh writable layer.
    ContainerSpec spec(std::vector<std::string> args);
    /// The same with a plain copy of a small root file system that the test may change beforehand.
    ContainerSpec plain_spec(std::vector<std::string> args);
    [[nodiscard]] std::string plain_root() const { return dir_.file("plain"); }
    [[nodiscard]] const TempDir& dir() const { return dir_; }

    ContainerRun run(const ContainerSpec& spec, LaunchFds fds = {}, LaunchOptions options = {});
    ContainerRun run(const ContainerSpec& spec, const HostFacts& facts);
    ContainerRun exec(const ProcessHandle& init, ProcessSpec process);
    /// A running container that the destructor of the test kills.
    PendingProcess& start(const ContainerSpec& spec, LaunchFds fds = {});

    static const HostFacts& facts();
    static std::string image();

  private:
    TempDir dir_;
    std::vector<std::unique_ptr<PendingProcess>> running_;
    int count_ = 0;
};

std::string read_until_end(int fd);
/// `key value` lines as a map.
std::map<std::string, std::string> words_of(const std::string& text);

}  // namespace stack::test
