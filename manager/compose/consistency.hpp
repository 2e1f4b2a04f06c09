// Checks what values mean together, on the canonical tree with the services that are on: references to what does not
// exist, cycles, two keys that contradict or exclude one another, things given twice.
#pragma once

#include "manager/compose/node_reporter.hpp"
#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stack::compose {

/// `disabled`: the services that are off, a mapping.
void check_consistency(const Tree& tree, const Node& root, const Node& disabled, Reporter& reporter);

/// Secrets and configs that are used and come from files: are the files there? Reads the file system.
void check_source_files(const Tree& tree, const Node& root, Reporter& reporter);

// ---- what the parts share --------------------------------------------------------------------------------------------

struct ConsistencyContext {
    using Members = std::unordered_map<std::string_view, const Entry*>;

    NodeReporter& reporter;
    std::map<std::string, Members, std::less<>> members;  ///< of each top-level map, by kind
    Members disabled;
    std::set<std::string> faulty;  ///< services in which something else is wrong

    [[nodiscard]] const Node* find(std::string_view kind, std::string_view name) const;
    /// "service X refers to undefined …", with a suggestion.
    Diagnostic& undefined(std::string_view kind, std::string_view name, const Node& where) const;
};

/// How the keys of one service fit together (consistency_service.cpp).
void check_service_consistency(const ConsistencyContext& context, const Entry& service);
/// What a service refers to (consistency_references.cpp).
void check_references(const ConsistencyContext& context, const Entry& service);
void check_dependency_cycles(const ConsistencyContext& context, const Node& services);

}  // namespace stack::compose
