// The fixture of the e2e ring: a fresh network and mount namespace, a StackRunner with the payload image, and at
// the end of every test `down -v` and the question whether anything is left.
#pragma once

#include "tests/support/host_snapshot.hpp"
#include "tests/support/private_namespaces.hpp"
#include "tests/support/stack_runner.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json_fwd.hpp>

namespace stack::test {

class StackTest : public ::testing::Test {
  protected:
    void SetUp() override;
    /// Takes the project down and fails the test if a process, link, mount, cgroup, rule or run file is left.
    void TearDown() override;

    [[nodiscard]] const StackRunner& stack() const { return *stack_; }
    /// Writes compose.yaml and runs `up -d` with `more`; fails the test when that fails.
    void up(std::string_view yaml, std::vector<std::string> more = {});
    /// Runs a command on the project by its name alone, as if its file were gone.
    [[nodiscard]] Outcome without_file(std::vector<std::string> words) const;
    /// `ps -a --format json` as a list, by name.
    [[nodiscard]] std::vector<nlohmann::json> ps() const;
    /// The ps entry of a service's first replica; null when there is none.
    [[nodiscard]] nlohmann::json container(const std::string& service) const;
    /// Waits until the service's container is in `state` ("exited", "running"); false after a while.
    [[nodiscard]] bool reaches(const std::string& service, const std::string& state) const;
    /// `exec -T service arguments...`.
    [[nodiscard]] Outcome exec(const std::string& service, std::vector<std::string> arguments) const;
    /// What `host` says to `service` over HTTP on port 80, once it listens: `up -d` returns before it does.
    [[nodiscard]] std::string answer_of(const std::string& host, const std::string& service) const;
    /// The links that the service sees, by name, but for those that modules make in every network namespace.
    [[nodiscard]] std::vector<std::string> links_of(const std::string& service) const;
    /// The log lines of a service without prefixes.
    [[nodiscard]] std::string logs(const std::string& service) const;
    /// No container, network, process or run file of the project exists, without having taken it down.
    [[nodiscard]] ::testing::AssertionResult nothing_was_created() const;

  private:
    std::optional<PrivateNamespaces> namespaces_;
    std::optional<StackRunner> stack_;
    std::optional<LeakCheck> leaks_;
};

}  // namespace stack::test

/// EXPECT that an Outcome ended with a code, showing its output otherwise.
#define EXPECT_EXIT_CODE(outcome, code)                                     \
    do {                                                                    \
        const ::stack::test::Outcome& stack_outcome = (outcome);            \
        EXPECT_EQ(stack_outcome.exit_code, (code)) << stack_outcome.text(); \
    } while (false)
