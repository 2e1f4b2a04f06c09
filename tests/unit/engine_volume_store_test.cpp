// Volumes on disk, and who uses them.
#include "manager/engine/project_store.hpp"
#include "manager/engine/volume_store.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/temp_root.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::engine {
namespace {

using testing::ElementsAre;

class VolumeStoreTest : public testing::Test {
  protected:
    void add(const std::string& name, bool anonymous = false,
             const std::map<std::string, std::string>& labels = {}) {
        VolumeRecord record;
        record.name = name;
        record.anonymous = anonymous;
        record.labels = labels;
        create_volume(paths_, record);
    }
    void use(const std::string& volume, const std::string& container) {
        ContainerRecord record;
        record.id = std::string(64, container.back());
        record.name = container;
        record.project = "shop";
        MountRecord mount;
        mount.volume_name = volume;
        record.mounts.push_back(mount);
        save_record(paths_, record);
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const VolumeRecord& volume : list_volumes(paths_)) result.push_back(volume.name);
        return result;
    }
    static std::vector<std::string> names_of(const std::vector<RemovedVolume>& removed) {
        std::vector<std::string> result;
        for (const RemovedVolume& volume : removed) result.push_back(volume.name);
        return result;
    }
    static ErrorKind kind_of_failure(const std::function<void()>& action) {
        try {
            action();
        } catch (const Error& error) {
            return error.kind();
        }
        return ErrorKind::internal;
    }

    test::TempDir directory_;
    Paths paths_{directory_.file("root"), directory_.file("run"), {}, {}, {}, {}};
};

TEST_F(VolumeStoreTest, KeepsWhatItWasTold) {
    add("data", false, {{"tier", "db"}});
    const VolumeRecord volume = find_volume(paths_, "data").value();
    EXPECT_EQ(volume.labels.at("tier"), "db");
    EXPECT_GT(volume.created_ns, 0);
    add("data");
    EXPECT_EQ(find_volume(paths_, "data"), volume) << "an existing volume stays as it is";
    EXPECT_TRUE(path_exists(volume_data(paths_, "data")));
    EXPECT_EQ(find_volume(paths_, "other"), std::nullopt);
}

TEST_F(VolumeStoreTest, NamesAreNeverPaths) {
    for (const char* name : {"", ".", "..", "../../etc", "a/b", "-rf", "a b", ".hidden"}) {
        EXPECT_EQ(kind_of_failure([&] { add(name); }), ErrorKind::invalid_input) << name;
        EXPECT_EQ(kind_of_failure([&] { remove_volume(paths_, name); }), ErrorKind::invalid_input) << name;
        EXPECT_EQ(find_volume(paths_, name), std::nullopt);
    }
}

TEST_F(VolumeStoreTest, RefusesToRemoveWhatContainersUse) {
    add("data");
    use("data", "shop-web-2");
    use("data", "shop-web-1");
    EXPECT_THAT(volume_users(paths_).at("data"), ElementsAre("shop-web-1", "shop-web-2"));
    EXPECT_EQ(kind_of_failure([&] { remove_unused_volume(paths_, "data", false); }), ErrorKind::conflict);
    EXPECT_EQ(kind_of_failure([&] { remove_unused_volume(paths_, "data", true); }), ErrorKind::conflict);
    remove_container_files(paths_, "shop", std::string(64, '1'));
    remove_container_files(paths_, "shop", std::string(64, '2'));
    remove_unused_volume(paths_, "data", false);
    EXPECT_TRUE(names().empty());
    EXPECT_EQ(kind_of_failure([&] { remove_unused_volume(paths_, "data", false); }), ErrorKind::not_found);
    EXPECT_NO_THROW(remove_unused_volume(paths_, "data", true));
}

TEST_F(VolumeStoreTest, PrunesAnonymousOnesAndNamedOnesOnlyWhenAsked) {
    add("anonymous-free", true);
    add("anonymous-used", true);
    add("named-free", false, {{"tier", "db"}});
    add("named-used");
    use("anonymous-used", "shop-web-1");
    use("named-used", "shop-web-2");
    EXPECT_THAT(names_of(prune_volumes(paths_, false)), ElementsAre("anonymous-free"));
    EXPECT_TRUE(prune_volumes(paths_, true, {{"tier", "web"}}).empty());
    const std::vector<RemovedVolume> removed = prune_volumes(paths_, true, {{"tier", ""}});
    EXPECT_THAT(names_of(removed), ElementsAre("named-free"));
    EXPECT_GE(removed.front().freed_bytes, 4096u);
    EXPECT_THAT(names(), ElementsAre("anonymous-used", "named-used"));
}

TEST_F(VolumeStoreTest, WhatAKilledFillLeftGoesWithTheVolume) {
    for (const char* name : {"data", "pruned"}) {
        add(name);
        directory_.write(fmt::format("root/volumes/{}/_filling/whole/sub/file", name),
                         std::string(50'000, 'x'));
    }
    EXPECT_THAT(names(), ElementsAre("data", "pruned"));
    remove_unused_volume(paths_, "data", false);
    const std::vector<RemovedVolume> removed = prune_volumes(paths_, true);
    EXPECT_THAT(names_of(removed), ElementsAre("pruned"));
    EXPECT_GE(removed.front().freed_bytes, 50'000u);
    EXPECT_TRUE(list_directory(paths_.volumes()).empty());
}

TEST_F(VolumeStoreTest, FinishesACreationThatWasCutShort) {
    add("data");
    remove_tree(volume_data(paths_, "data"));
    add("data");
    EXPECT_TRUE(path_exists(volume_data(paths_, "data")));
}

}  // namespace
}  // namespace stack::engine
