// What the store takes, held against du(1).
#include "runtime/base/child_process.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/store_usage.hpp"
#include "tests/unit/image_store_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stack {
namespace {

std::uint64_t du(const std::string& path) {
    SpawnOptions options;
    options.argv = {"/usr/bin/du", "--block-size=1", "-s", path};
    const CommandResult result = run_command(options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return static_cast<std::uint64_t>(parse_int(split(result.out, '\t').front()).value_or(-1));
}

class StoreUsageTest : public test::StoreFixture {
  protected:
    StoreUsage measure(const ImagesInUse& in_use = {}) {
        DiskCounter disk;
        return measure_store(paths_, in_use, disk);
    }
    std::uint64_t du_of_store() { return du(paths_.images) + du(paths_.layers) + du(paths_.staging); }
    void SetUp() override {
        for (const std::string& folder : {paths_.images, paths_.layers, paths_.staging})
            make_directories(folder);
    }
};

TEST_F(StoreUsageTest, EqualsDuWithSharedLayersSparseFilesHardLinksAndLeftovers) {
    add("one", {"base", "one"});
    add("two", {"base", "two"});
    store_.tag("two", "three");
    const std::string base = paths_.layer(store_.get("one").layer_ids.back());
    directory_.write("big", std::string(1 << 20, 'x'));
    ASSERT_EQ(::rename(directory_.file("big").c_str(), (base + "/big").c_str()), 0);
    ASSERT_EQ(::link((base + "/big").c_str(), (base + "/another name of it").c_str()), 0);
    ASSERT_EQ(::truncate((base + "/file").c_str(), 1 << 30), 0);
    ASSERT_EQ(::symlink(std::string(200, 'l').c_str(), (base + "/long link").c_str()), 0);
    make_directories(base + "/a/b/c/d");
    directory_.write("root/images/downloads/" + std::string(64, 'a'), std::string(70'000, 'd'));
    directory_.write("root/staging/0123/layers/new.0/file", std::string(9000, 's'));
    directory_.write("root/images/blobs/sha256/" + std::string(64, 'f'), "nobody needs this");
    directory_.write("root/images/blobs/sha512/other", "nor is this ours");
    directory_.write("root/layers/stray", "unknown");
    const StoreUsage usage = measure();
    EXPECT_EQ(usage.total_bytes, du_of_store());
    ASSERT_EQ(usage.images.size(), 2u);
    EXPECT_EQ(usage.images[0].references, std::vector<std::string>{"one:latest"});
    EXPECT_EQ(usage.images[1].references, (std::vector<std::string>{"three:latest", "two:latest"}));
    EXPECT_EQ(usage.layers.size(), 3u);
    EXPECT_GT(usage.images[0].shared_bytes, 1u << 20) << "the base layer";
    EXPECT_LT(usage.images[0].unique_bytes, 64u << 10);
    ASSERT_EQ(usage.downloads.size(), 1u);
    ASSERT_EQ(usage.leftovers.size(), 1u);
}

TEST_F(StoreUsageTest, IsEmptyForAMissingStore) {
    const StorePaths nowhere{directory_.file("nowhere")};
    DiskCounter disk;
    EXPECT_EQ(measure_store(nowhere, {}, disk).total_bytes, 0u);
    EXPECT_FALSE(path_exists(nowhere.root));
}

TEST_F(StoreUsageTest, SaysWhichContainerKeepsAnImage) {
    const std::string digest = add("app", {"base"});
    const StoreUsage usage = measure({{digest, "shop-web-1"}});
    EXPECT_EQ(usage.images.at(0).container, "shop-web-1");
}

TEST_F(StoreUsageTest, TrustsARecordOnlyForTheFolderThatWasMeasured) {
    add("app", {"base"});
    const std::string id = store_.get("app").layer_ids.front();
    LayerRecord record = read_layer_record(paths_, id).value();
    measure_layer(paths_.layer(id), record);
    const std::uint64_t truth = record.disk_bytes;
    record.disk_bytes = 123 * 4096;
    directory_.write("root/layers/" + id + ".json", layer_record_json(record));
    DiskCounter disk;
    const std::uint64_t own = disk.object(paths_.layer_record(id));
    EXPECT_EQ(layer_disk_bytes(paths_, id, disk), own + 123 * 4096) << "not walked";
    // As if the store had been copied: the same record, but another folder.
    ASSERT_EQ(::rename(paths_.layer(id).c_str(), directory_.file("old").c_str()), 0);
    directory_.write("root/layers/" + id + "/file", "base");
    EXPECT_EQ(layer_disk_bytes(paths_, id, disk), own + truth);
}

TEST(DiskCounter, CountsTreesDeeperThanAProcessMayHaveFilesOpen) {
    const test::TempDir directory;
    UniqueFd folder = open_directory(directory.path());
    for (int depth = 0; depth < 1200; ++depth) {
        ASSERT_EQ(::mkdirat(folder.get(), "d", 0700), 0);
        folder.reset(::openat(folder.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    EXPECT_EQ(DiskCounter{}.tree(directory.path()), du(directory.path()));
}

TEST(DiskCounter, CountsAnInodeOnceAcrossTrees) {
    const test::TempDir directory;
    directory.write("a/file", std::string(8192, 'x'));
    make_directories(directory.file("b"));
    ASSERT_EQ(::link(directory.file("a/file").c_str(), directory.file("b/file").c_str()), 0);
    ASSERT_EQ(::symlink("a", directory.file("link").c_str()), 0);
    DiskCounter disk;
    const std::uint64_t parts = disk.tree(directory.file("a")) + disk.tree(directory.file("b")) +
                                disk.tree(directory.file("link")) + disk.object(directory.path());
    EXPECT_EQ(parts, du(directory.path()));
    EXPECT_EQ(disk.tree(directory.file("missing")), 0u);
}

}  // namespace
}  // namespace stack
