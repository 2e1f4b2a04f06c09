// A server that is a Python script of the tests: it prints the port that it listens on, and ends with the object.
#pragma once

#include "runtime/base/child_process.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack::test {

class ScriptServer {
  public:
    /// `script`: a file of tests/support. Throws Error.
    ScriptServer(const std::string& script, const std::vector<std::string>& arguments);
    ~ScriptServer();
    ScriptServer(const ScriptServer&) = delete;
    ScriptServer& operator=(const ScriptServer&) = delete;

    [[nodiscard]] std::string host() const;  ///< 127.0.0.1:PORT
    [[nodiscard]] std::uint16_t port() const { return port_; }

  private:
    ProcessHandle process_;
    std::uint16_t port_ = 0;
};

}  // namespace stack::test
