#include "manager/plan/graph.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <cstddef>

namespace stack::plan {

namespace {

// The graph by index into the sorted names: lookups happen once, here.
struct Indexed {
    std::vector<std::string> names;
    std::vector<std::vector<std::size_t>> needs;      // ascending
    std::vector<std::vector<std::size_t>> needed_by;  // ascending
};

Indexed index(const Graph& graph) {
    Indexed result;
    result.names.reserve(graph.size());
    for (const auto& [name, needs] : graph) result.names.push_back(name);
    result.needs.resize(graph.size());
    result.needed_by.resize(graph.size());
    std::size_t from = 0;
    for (const auto& [name, needs] : graph) {
        for (const std::string& need : needs) {
            const auto found = std::lower_bound(result.names.begin(), result.names.end(), need);
            if (found == result.names.end() || *found != need) continue;
            const auto to = static_cast<std::size_t>(found - result.names.begin());
            result.needs[from].push_back(to);
            result.needed_by[to].push_back(from);
        }
        ++from;
    }
    return result;
}

// Every node that is left over by Kahn's algorithm needs another one that is left, so walking along first
// needs must come round.
Cycle find_cycle(const Indexed& graph, const std::vector<std::size_t>& missing) {
    const auto is_left = [&](std::size_t node) { return missing[node] > 0; };
    std::size_t node = 0;
    while (!is_left(node)) ++node;
    std::vector<std::size_t> walk;
    std::vector<char> seen(graph.names.size(), 0);
    while (!seen[node]) {
        seen[node] = 1;
        walk.push_back(node);
        node = *std::find_if(graph.needs[node].begin(), graph.needs[node].end(), is_left);
    }
    std::vector<std::size_t> ring{std::find(walk.begin(), walk.end(), node), walk.end()};
    std::rotate(ring.begin(), std::min_element(ring.begin(), ring.end()), ring.end());
    Cycle cycle;
    for (const std::size_t member : ring) cycle.path.push_back(graph.names[member]);
    cycle.path.push_back(cycle.path.front());
    return cycle;
}

}  // namespace

std::vector<std::string> Order::nodes() const {
    std::vector<std::string> all;
    for (const auto& level : levels) all.insert(all.end(), level.begin(), level.end());
    return all;
}

std::string Cycle::text() const {
    return join(path, " -> ");
}

std::variant<Order, Cycle> sort(const Graph& graph) {
    const Indexed indexed = index(graph);
    std::vector<std::size_t> missing(indexed.names.size());
    std::vector<std::size_t> level, next;
    for (std::size_t node = 0; node < missing.size(); ++node) {
        missing[node] = indexed.needs[node].size();
        if (missing[node] == 0) level.push_back(node);
    }
    Order order;
    std::size_t placed = 0;
    while (!level.empty()) {
        std::sort(level.begin(), level.end());
        placed += level.size();
        next.clear();
        std::vector<std::string>& names = order.levels.emplace_back();
        for (const std::size_t node : level) {
            names.push_back(indexed.names[node]);
            for (const std::size_t user : indexed.needed_by[node])
                if (--missing[user] == 0) next.push_back(user);
        }
        level.swap(next);
    }
    if (placed != indexed.names.size()) return find_cycle(indexed, missing);
    return order;
}

std::set<std::string> reachable(const Graph& graph, const std::set<std::string>& roots) {
    std::set<std::string> found;
    std::vector<std::string> open;
    for (const std::string& root : roots)
        if (graph.count(root) != 0 && found.insert(root).second) open.push_back(root);
    while (!open.empty()) {
        const std::string node = std::move(open.back());
        open.pop_back();
        for (const std::string& need : graph.at(node))
            if (graph.count(need) != 0 && found.insert(need).second) open.push_back(need);
    }
    return found;
}

Graph reversed(const Graph& graph) {
    Graph result;
    for (const auto& [name, needs] : graph) {
        result[name];
        for (const std::string& need : needs)
            if (graph.count(need) != 0) result[need].insert(name);
    }
    return result;
}

}  // namespace stack::plan
