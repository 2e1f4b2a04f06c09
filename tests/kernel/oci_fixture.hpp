// Containers made by the built stack-runtime, as callers of an OCI runtime make them: a bundle, a state directory of the
// test's own, and one process a command.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"
#include "tests/support/temp_root.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::test {

struct OciResult {
    int code = -1;
    std::string out, err;
};

struct OciCall {
    std::vector<std::string> args;             ///< after `stack-runtime --root DIR`
    std::map<std::string, std::string> env{};  ///< beside PATH
    std::string input{};
    std::vector<int> fds{};  ///< from descriptor 3 on
    int terminal = -1;       ///< as standard streams, with a session of its own
    std::string program{};   ///< another one than stack-runtime
};

/// A command that runs.
class OciCommand {
  public:
    OciCommand(ProcessHandle process, UniqueFd out, UniqueFd err)
        : process_{std::move(process)}, out_{std::move(out)}, err_{std::move(err)} {}
    [[nodiscard]] const ProcessHandle& process() const { return process_; }
    /// What it, and the container that has its streams, has printed so far.
    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;
    /// Waits for its end; kills it after 60 s.
    OciResult wait();

  private:
    ProcessHandle process_;
    UniqueFd out_, err_;
};

class OciTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;  ///< also checks that no process, cgroup, mount or state is left

    /// Writes a bundle: the payload image, `args` as its process, changed by a JSON merge patch. Its path.
    std::string bundle(const std::vector<std::string>& args, const std::string& patch = "{}");
    [[nodiscard]] OciCommand begin(const OciCall& call) const;
    [[nodiscard]] OciResult call(const OciCall& call) const;
    [[nodiscard]] OciResult call(const std::vector<std::string>& args) const { return call(OciCall{args}); }
    /// The same, and expects it to succeed; the output.
    std::string must(const std::vector<std::string>& args) const;
    /// The same, and expects it to fail with `code`; the message without the frame of a log record.
    std::string refusal(const std::vector<std::string>& args, int code = 1) const;

    /// create and start of a fresh container that runs until it is killed.
    void start_sleeping(const std::string& id, const std::string& patch = "{}");
    /// `start` returns before the program has its handlers.
    [[nodiscard]] bool comes_to_catch(const std::string& id, int signal) const;
    [[nodiscard]] nlohmann::json state(const std::string& id) const;
    [[nodiscard]] std::string status(const std::string& id) const;
    [[nodiscard]] bool becomes(const std::string& id, const std::string& status) const;
    /// Nothing is known of it, nothing of it exists.
    [[nodiscard]] bool gone(const std::string& id) const;
    [[nodiscard]] const TempDir& dir() const { return dir_; }
    [[nodiscard]] std::string root() const { return dir_.file("state"); }
    /// Below which all cgroups of this test are.
    [[nodiscard]] std::string cgroup_parent() const;
    static std::string image();
    static std::string program();

  private:
    TempDir dir_;
    int bundles_ = 0;
};

/// The groups right below `/parent`, in every hierarchy.
std::vector<std::string> cgroups_of(const std::string& parent);

/// A listening or datagram Unix socket.
UniqueFd unix_socket(const std::string& path, int type);

}  // namespace stack::test
