// What `df` says of a data root.
#include "manager/cli/df_view.hpp"
#include "tests/support/golden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::cli {
namespace {

constexpr std::uint64_t kMega = 1'000'000;

DfView some_view() {
    DfView view;
    StoreUsage& store = view.usage.store;
    store.layers = {{"base", 60 * kMega, 2}, {"app", 20 * kMega, 1}, {"old", 5 * kMega, 1}};
    store.blobs = {{"blob", 30 * kMega, 2}};
    ImageUse app, old;
    app.id = old.id = "sha256:0123456789abcdef";
    app.references = {"shop/app:1", "shop/app:latest"};
    app.container = "shop-app-1";
    app.unique_bytes = 20 * kMega;
    old.unique_bytes = 5 * kMega;
    app.shared_bytes = old.shared_bytes = 90 * kMega;
    store.images = {app, old};
    store.downloads = {{"abc", 7 * kMega}};
    store.frame_bytes = kMega;
    store.total_bytes = 123 * kMega;
    view.usage.containers = {{"c1", "shop-app-1", "shop", "sha256:app", true, 2 * kMega, kMega, 1000},
                             {"c2", "shop-db-1", "shop", "sha256:db", false, 3 * kMega, 0, 1000}};
    engine::VolumeUse data, loose;
    data.record.name = "shop_data";
    data.containers = {"shop-db-1"};
    data.bytes = 40 * kMega;
    loose.record.name = "feedbeef";
    loose.record.anonymous = true;
    loose.bytes = 4 * kMega;
    view.usage.volumes = {data, loose};
    view.usage.record_bytes = 2000;
    view.usage.total_bytes = 173'004'000;
    view.gc_bytes = 12 * kMega;
    view.unused_bytes = 5 * kMega;
    return view;
}

TEST(Df, TellsWhatIsSharedAndWhatCouldGo) {
    EXPECT_TRUE(test::matches_golden("cli/df_table.txt", df_table(some_view())));
}

TEST(Df, TellsWhyEachThingIsKept) {
    EXPECT_TRUE(test::matches_golden("cli/df_details.txt", df_details(some_view())));
}

TEST(Df, TellsBytesToPrograms) {
    const nlohmann::json df = nlohmann::json::parse(df_json(some_view()));
    EXPECT_EQ(df.at("Size"), 173'004'000);
    EXPECT_EQ(df.at("Parts").at(0).at("Shared"), 90 * kMega);
    EXPECT_EQ(df.at("Images").at(1).at("KeptBy"), "nothing: gc removes it");
    EXPECT_EQ(df.at("Volumes").size(), 2u);
    EXPECT_TRUE(nlohmann::json::parse(df_json({})).at("Images").empty());
}

}  // namespace
}  // namespace stack::cli
