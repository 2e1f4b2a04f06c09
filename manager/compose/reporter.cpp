#include "manager/compose/reporter.hpp"

#include <algorithm>

namespace stack::compose {

namespace {
// A hostile file must not turn into gigabytes of messages.
constexpr std::size_t kMostDiagnostics = 200;
}  // namespace

Diagnostic& Reporter::add(Severity severity, std::string code, std::string message, Position position) {
    failed_ = failed_ || severity == Severity::error;
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
    std::set<std::string> services;
    for (const Diagnostic& diagnostic : diagnostics_)
        if (diagnostic.severity == Severity::error) services.insert(diagnostic.service);
    return services;
}

std::vector<Diagnostic> Reporter::take(const std::vector<std::string>& file_order) {
    const auto rank = [&file_order](const Diagnostic& d) {
        return std::find(file_order.begin(), file_order.end(), d.position.file) - file_order.begin();
    };
    std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                     [&rank](const Diagnostic& a, const Diagnostic& b) {
                         const auto rank_a = rank(a), rank_b = rank(b);
                         return std::tie(rank_a, a.position.file, a.position.line, a.position.column) <
                                std::tie(rank_b, b.position.file, b.position.line, b.position.column);
                     });
    seen_.clear();
    failed_ = false;
    return std::exchange(diagnostics_, {});
}

}  // namespace stack::compose
