// Who needs whom: topological order, levels and reachability of a small named graph. Knows nothing of
// services.
#pragma once

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace stack::plan {

/// Node -> the nodes it needs. Edges to names that are no nodes are ignored.
using Graph = std::map<std::string, std::set<std::string>>;

struct Order {
    /// levels[0] needs nothing; each further level needs something of the one before. Sorted inside a level.
    std::vector<std::vector<std::string>> levels;
    /// Needed ones first: the levels one after another.
    [[nodiscard]] std::vector<std::string> nodes() const;
    bool operator==(const Order&) const = default;
};

struct Cycle {
    std::vector<std::string> path;           ///< first == last; starts at its smallest name
    [[nodiscard]] std::string text() const;  ///< `a -> b -> a`
    bool operator==(const Cycle&) const = default;
};

/// O(nodes + edges), apart from sorting names.
std::variant<Order, Cycle> sort(const Graph& graph);

/// `roots` and everything they need, directly or not.
std::set<std::string> reachable(const Graph& graph, const std::set<std::string>& roots);

/// Every edge turned round; all nodes stay.
Graph reversed(const Graph& graph);

}  // namespace stack::plan
