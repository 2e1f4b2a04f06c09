// Collects what the phases of a load have to say. Not a renderer: diagnostic.hpp is.
#pragma once

#include "manager/compose/diagnostic.hpp"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace stack::compose {

class Reporter {
  public:
    /// The reference is good until the next report. Saying the same about the same place twice is once (an anchor
    /// used ten times has its mistake once).
    Diagnostic& error(std::string code, std::string message, Position position) {
        return add(Severity::error, std::move(code), std::move(message), std::move(position));
    }
    Diagnostic& warning(std::string code, std::string message, Position position) {
        return add(Severity::warning, std::move(code), std::move(message), std::move(position));
    }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::set<std::string> services_with_errors() const;
    /// False once there are so many reports that looking for suggestions, which costs a walk over all names, is no
    /// help any more.
    [[nodiscard]] bool wants_suggestions() const { return diagnostics_.size() < 50; }
    /// Sorted by file in the order given (others last), then by place. Leaves the reporter empty.
    std::vector<Diagnostic> take(const std::vector<std::string>& file_order);

  private:
    Diagnostic& add(Severity severity, std::string code, std::string message, Position position);

    std::vector<Diagnostic> diagnostics_;
    std::set<std::tuple<std::string, int, int, std::string>> seen_;
    Diagnostic dropped_;  // what a repeated report writes its hint to
    bool failed_ = false;
};

}  // namespace stack::compose
