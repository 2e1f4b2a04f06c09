// Collects what the phases of a load have to say, and adds to each mistake by which way its file came into the load.
// Not a renderer: diagnostic.hpp is.
#pragma once

#include "manager/compose/diagnostic.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
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
    [[nodiscard]] bool failed() const { return error_count_ > 0; }
    /// Of all errors, also those that were said before.
    [[nodiscard]] std::size_t error_count() const { return error_count_; }
    /// `file` is read because `place` wants it: whatever is reported about it from now on names that place ("included
    /// here") and how that place's own file came in. The first place counts; "" stands for the command line.
    void brought_in(const std::string& file, std::string how, Position place);
    /// How the file came in, the place that wants it first; empty for one of the command line.
    [[nodiscard]] std::vector<RelatedPosition> way_to(const std::string& file) const;
    /// The service takes over values in which errors were found.
    void inherits_errors(std::string_view service) { heirs_.emplace(service); }
    /// What is missing in these may be a consequence.
    [[nodiscard]] std::set<std::string> services_with_errors() const;
    /// False once there are so many reports that looking for suggestions, which costs a walk over all names, is no
    /// help any more.
    [[nodiscard]] bool wants_suggestions() const { return diagnostics_.size() < 50; }
    /// Sorted by file in the order given, then in the order in which files were brought in, then by place. Leaves the
    /// reporter empty.
    std::vector<Diagnostic> take(const std::vector<std::string>& file_order);

  private:
    Diagnostic& add(Severity severity, std::string code, std::string message, Position position);

    std::vector<Diagnostic> diagnostics_;
    std::set<std::tuple<std::string, int, int, std::string>> seen_;
    Diagnostic dropped_;  // what a repeated report writes its hint to
    std::size_t error_count_ = 0;
    std::set<std::string> heirs_;

    struct Arrival {
        std::size_t number;  // in the order of arrival
        RelatedPosition by;
    };
    std::map<std::string, Arrival> arrivals_;
};

}  // namespace stack::compose
