#include "manager/plan/graph.hpp"

#include <chrono>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace stack::plan;
using testing::ElementsAre;

namespace {

TEST(Graph, PutsNeededNodesFirstAndSortsInsideALevel) {
    const Graph graph{{"web", {"app"}}, {"app", {"db", "cache"}}, {"db", {}}, {"cache", {}}, {"adhoc", {}}};
    const auto sorted = sort(graph);
    ASSERT_TRUE(std::holds_alternative<Order>(sorted));
    EXPECT_THAT(std::get<Order>(sorted).levels,
                ElementsAre(ElementsAre("adhoc", "cache", "db"), ElementsAre("app"), ElementsAre("web")));
    EXPECT_THAT(std::get<Order>(sorted).nodes(), ElementsAre("adhoc", "cache", "db", "app", "web"));
}

TEST(Graph, TellsACycleAsAPathFromItsSmallestName) {
    const Graph graph{{"z", {"b"}}, {"c", {"a"}}, {"a", {"b", "free"}}, {"b", {"c"}}, {"free", {}}};
    const auto sorted = sort(graph);
    ASSERT_TRUE(std::holds_alternative<Cycle>(sorted));
    EXPECT_EQ(std::get<Cycle>(sorted).text(), "a -> b -> c -> a");
}

TEST(Graph, FindsACycleThatOthersLeadInto) {
    const Graph graph{{"a", {"b"}}, {"b", {"c"}}, {"c", {"b"}}};
    EXPECT_EQ(std::get<Cycle>(sort(graph)).text(), "b -> c -> b");
}

TEST(Graph, TellsANodeThatNeedsItself) {
    EXPECT_EQ(std::get<Cycle>(sort(Graph{{"a", {"a"}}})).text(), "a -> a");
}

TEST(Graph, IgnoresEdgesToUnknownNames) {
    EXPECT_TRUE(std::holds_alternative<Order>(sort(Graph{{"a", {"ghost"}}})));
    EXPECT_THAT(reachable(Graph{{"a", {"ghost"}}}, {"a", "nobody"}), ElementsAre("a"));
}

TEST(Graph, ReachesDirectAndIndirectNeeds) {
    const Graph graph{{"web", {"app"}}, {"app", {"db"}}, {"db", {}}, {"other", {"db"}}};
    EXPECT_THAT(reachable(graph, {"web"}), ElementsAre("app", "db", "web"));
}

TEST(Graph, ReversesEdges) {
    const Graph expected{{"a", {}}, {"b", {"a"}}, {"c", {"a", "b"}}};
    EXPECT_EQ(reversed(Graph{{"a", {"b", "c"}}, {"b", {"c"}}, {"c", {}}}), expected);
}

TEST(Graph, SortsTenThousandServicesInAChainQuickly) {
    Graph graph;
    for (int i = 0; i < 10000; ++i) {
        auto& needs = graph[fmt::format("s{:05}", i)];
        if (i > 0) needs.insert(fmt::format("s{:05}", i - 1));
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto sorted = sort(graph);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{2});  // milliseconds when linear
    EXPECT_EQ(std::get<Order>(sorted).levels.size(), 10000U);
}

}  // namespace
