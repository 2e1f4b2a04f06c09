#include "manager/compose/reporter.hpp"

#include <algorithm>

namespace stack::compose {

namespace {
// A hostile file must not turn into gigabytes of messages.
constexpr std::size_t kMostDiagnostics = 200;
}  // namespace

Diagnostic& Reporter::add(Severity severity, std::string code, std::string message, Position position) {
    if (severity == Severity::error) ++error_count_;
    const bool is_new = seen_.emplace(position.file, position.line, position.column, message).second;
    if (!is_new || diagnostics_.size() >= kMostDiagnostics) return dropped_ = Diagnostic{};
    Diagnostic diagnostic;
    diagnostic.severity = severity;
    diagnostic.code = std::move(code);
    diagnostic.message = std::move(message);
    diagnostic.position = std::move(position);
    return diagnostics_.emplace_back(std::move(diagnostic));
}

std::set<std::string> Reporter::services_with_errors() const {
    std::set<std::string> services = heirs_;
    for (const Diagnostic& diagnostic : diagnostics_)
        if (diagnostic.severity == Severity::error) services.insert(diagnostic.service);
    return services;
}

void Reporter::brought_in(const std::string& file, std::string how, Position place) {
    arrivals_.try_emplace(file, Arrival{arrivals_.size(), {std::move(how), std::move(place), true}});
}

std::vector<RelatedPosition> Reporter::way_to(const std::string& file) const {
    std::vector<RelatedPosition> way;
    // It can't lead in a circle: a file counts as brought in by the first that wants it.
    auto arrival = arrivals_.find(file);
    while (arrival != arrivals_.end() && !arrival->second.by.position.file.empty()) {
        way.push_back(arrival->second.by);
        arrival = arrivals_.find(way.back().position.file);
    }
    return way;
}

namespace {

void add_way(Diagnostic& diagnostic, const std::vector<RelatedPosition>& way) {
    for (const RelatedPosition& by : way) {
        const auto said = [&by](const RelatedPosition& related) { return related.position == by.position; };
        if (by.position != diagnostic.position &&
            std::none_of(diagnostic.related.begin(), diagnostic.related.end(), said))
            diagnostic.related.push_back(by);
    }
}

}  // namespace

std::vector<Diagnostic> Reporter::take(const std::vector<std::string>& file_order) {
    for (Diagnostic& diagnostic : diagnostics_) add_way(diagnostic, way_to(diagnostic.position.file));
    const auto rank = [&](const Diagnostic& d) {
        const auto given = std::find(file_order.begin(), file_order.end(), d.position.file);
        const auto arrival = arrivals_.find(d.position.file);
        return std::pair{given - file_order.begin(),
                         arrival == arrivals_.end() ? arrivals_.size() : arrival->second.number};
    };
    std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                     [&rank](const Diagnostic& a, const Diagnostic& b) {
                         const auto rank_a = rank(a), rank_b = rank(b);
                         return std::tie(rank_a, a.position.file, a.position.line, a.position.column) <
                                std::tie(rank_b, b.position.file, b.position.line, b.position.column);
                     });
    seen_.clear();
    arrivals_.clear();
    heirs_.clear();
    error_count_ = 0;
    return std::exchange(diagnostics_, {});
}

}  // namespace stack::compose
