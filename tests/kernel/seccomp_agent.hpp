// A seccomp agent as config-linux.md describes it: listens at a path, takes one listener, and decides about calls.
#pragma once

#include "runtime/base/fd.hpp"

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace stack::test {

class SeccompAgent {
  public:
    /// Calls in `refused` get that errno, all others go on.
    SeccompAgent(std::string path, std::map<int, int> refused);
    SeccompAgent(const SeccompAgent&) = delete;
    SeccompAgent& operator=(const SeccompAgent&) = delete;
    ~SeccompAgent();

    /// Waits until every filtered process has ended, or nobody ever came and `give_up` was called.
    void finish();
    /// After `finish`: the JSON document that came with the listener, and the numbers of the calls that were notified.
    [[nodiscard]] const std::string& document() const { return document_; }
    [[nodiscard]] const std::vector<int>& calls() const { return calls_; }

  private:
    void serve();
    void decide(int listener);

    std::string path_;
    std::map<int, int> refused_;
    UniqueFd socket_, stop_, stop_writer_;
    std::string document_;
    std::vector<int> calls_;
    std::thread thread_;
};

}  // namespace stack::test
