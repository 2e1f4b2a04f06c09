// What the tests of ways out have in common: a canary beside the container's root that no container is given, and which
// nothing may have changed when the test ends.
#pragma once

#include "tests/kernel/runtime_fixture.hpp"

#include <sys/stat.h>

#include <string>
#include <vector>

namespace stack::test {

class EscapeTest : public RuntimeTest {
  protected:
    void SetUp() override;
    /// Also checks that the canary and the host's null device are as they were.
    void TearDown() override;

    /// A directory of the host that holds one file, `flag`.
    [[nodiscard]] const std::string& canary() const { return canary_; }
    [[nodiscard]] std::string flag() const { return canary_ + "/flag"; }

    /// The default process of `spec`, for an exec.
    ProcessSpec process(std::vector<std::string> args);
    /// `name` in the plain root, absolute on the host. Make the spec with `plain_spec` first.
    [[nodiscard]] std::string in_root(const std::string& name) const { return plain_root() + "/" + name; }

  private:
    std::string canary_;
    struct stat flag_before_ {};
    struct stat null_before_ {};
};

}  // namespace stack::test
