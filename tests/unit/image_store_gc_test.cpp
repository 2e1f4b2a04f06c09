// Which images go, in which order, and that exactly what was promised comes free.
#include "runtime/image/store_gc.hpp"
#include "tests/unit/image_store_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

namespace stack {
namespace {

using std::chrono::system_clock;

class StoreGcTest : public test::StoreFixture {
  protected:
    std::uint64_t bytes_of_root() { return DiskCounter{}.tree(paths_.root); }
    std::string add_used_at(const std::string& name, const std::vector<std::string>& layers, time_t when) {
        const std::string digest = add(name, layers);
        const std::array<timespec, 2> times{timespec{when, 0}, timespec{when, 0}};
        EXPECT_EQ(::utimensat(AT_FDCWD, paths_.blob(digest).c_str(), times.data(), 0), 0);
        return digest;
    }
    // Runs it and holds it to its word.
    GcPlan collect(const GcOptions& options, const ImagesInUse& in_use = {}) {
        const auto users = [in_use] { return in_use; };
        make_directories(paths_.staging);  // empty folders stay, so they must be there before
        static_cast<void>(FileLock::acquire(paths_.gc_lock));
        const GcPlan preview = preview_gc(paths_, options, users);
        const std::uint64_t before = bytes_of_root();
        const GcPlan done = collect_garbage(paths_, options, users);
        EXPECT_EQ(before - bytes_of_root(), done.bytes);
        EXPECT_EQ(done.bytes, preview.bytes);
        EXPECT_EQ(done.layers, preview.layers);
        EXPECT_EQ(done.blobs, preview.blobs);
        EXPECT_EQ(done.downloads, preview.downloads);
        return done;
    }
    std::vector<std::string> names_left() {
        std::vector<std::string> names;
        for (const ImageSummary& image : store_.list()) names.push_back(image.reference);
        return names;
    }
};

TEST_F(StoreGcTest, TakesWhatNothingNeedsAndTellsTheBytesExactly) {
    add("app", {"base", "old"});
    add("app", {"base", "new"});  // the old one is nameless now
    directory_.write("root/images/downloads/" + std::string(64, 'a'), std::string(70'000, 'd'));
    directory_.write("root/staging/0123/layers/new.0/file", std::string(9000, 's'));
    directory_.write("root/images/blobs/sha256/" + std::string(64, 'f'), "leftover");
    directory_.write("root/layers/" + std::string(24, 'f') + "/file", std::string(5000, 'x'));
    const GcPlan done = collect({});
    EXPECT_EQ(done.images.size(), 1u);
    EXPECT_EQ(done.layers.size(), 2u);
    EXPECT_EQ(done.downloads.size(), 1u);
    EXPECT_EQ(names_left(), std::vector<std::string>{"app:latest"});
    EXPECT_EQ(store_.get("app").layer_paths.size(), 2u);
    EXPECT_TRUE(collect({}).empty()) << "twice is the same as once";
}

TEST_F(StoreGcTest, TellsWhatAShorterIndexGivesBack) {
    for (int i = 0; i < 40; ++i) add(fmt::format("app:{}", i), {"base", fmt::format("{}", i)});
    GcOptions options;
    options.unused = true;
    EXPECT_EQ(collect(options).images.size(), 40u);
}

TEST_F(StoreGcTest, NeverTakesWhatAContainerUses) {
    const std::string old = add("app", {"base", "old"});
    add("app", {"base", "new"});
    GcOptions options;
    options.unused = true;
    options.keep_bytes = 0;
    const GcPlan done = collect(options, {{old, "shop-web-1"}});
    ASSERT_EQ(done.images.size(), 1u);
    EXPECT_EQ(done.images[0].references, std::vector<std::string>{"app:latest"});
    EXPECT_EQ(store_.get(old).layer_paths.size(), 2u) << "its base layer stays as well";
}

TEST_F(StoreGcTest, KeepsBelowALimitByLettingGoOfTheLeastRecentlyUsed) {
    add_used_at("oldest", {"base", std::string(40'000, 'a')}, 1000);
    add_used_at("middle", {"base", std::string(40'000, 'b')}, 2000);
    add_used_at("newest", {"base", std::string(40'000, 'c')}, 3000);
    make_directories(paths_.staging);
    DiskCounter disk;
    const StoreUsage usage = measure_store(paths_, {}, disk);
    GcOptions options;
    options.keep_bytes = usage.total_bytes;
    EXPECT_TRUE(collect(options).empty()) << "it is below already";
    options.keep_bytes = usage.total_bytes - 1;
    EXPECT_EQ(collect(options).images.at(0).references.at(0), "oldest:latest");
    store_.mark_used(store_.get("middle").digest);
    options.keep_bytes = usage.images.at(0).bytes() + usage.frame_bytes;
    collect(options);
    EXPECT_EQ(names_left(), std::vector<std::string>{"middle:latest"});
}

TEST_F(StoreGcTest, PrunesOnlyWhatIsOlderThanAsked) {
    add("app", {"base"});  // created 2024-01-02
    GcOptions options;
    options.unused = true;
    options.created_before = system_clock::time_point{std::chrono::seconds{1'000'000'000}};
    EXPECT_TRUE(collect(options).images.empty());
    options.created_before = system_clock::time_point{std::chrono::seconds{1'800'000'000}};
    EXPECT_EQ(collect(options).images.size(), 1u);
}

TEST_F(StoreGcTest, LeavesADownloadThatSomebodyReads) {
    add("app", {"base"});
    directory_.write("root/images/downloads/" + std::string(64, 'a'), std::string(70'000, 'd'));
    directory_.write("root/images/downloads/" + std::string(64, 'b'), std::string(70'000, 'd'));
    const FileLock reader = FileLock::acquire(paths_.downloads + '/' + std::string(64, 'a'));
    const std::uint64_t before = bytes_of_root();
    make_directories(paths_.staging);
    const std::uint64_t staging = DiskCounter{}.object(paths_.staging);
    const GcPlan done = collect_garbage(paths_, {}, {});
    EXPECT_EQ(done.downloads, std::vector<std::string>{std::string(64, 'b')});
    EXPECT_EQ(before + staging - bytes_of_root(), done.bytes);
}

TEST_F(StoreGcTest, TakesNothingThatAnImportMayCountOn) {
    add("app", {"base", "old"});
    add("app", {"base", "new"});
    directory_.write("root/staging/0123456789abcdef/file", "being imported");
    GcOptions options;
    options.unused = true;
    {
        const FileLock import = FileLock::acquire(paths_.gc_lock, true);
        EXPECT_TRUE(collect_garbage(paths_, options, {}).postponed);
    }
    EXPECT_EQ(names_left(), std::vector<std::string>{"app:latest"}) << "but the nameless one is gone";
    EXPECT_EQ(layer_count(), 3u);
    EXPECT_EQ(list_directory(paths_.staging).size(), 1u);
    EXPECT_FALSE(collect(options).postponed);
    EXPECT_EQ(layer_count(), 0u);
}

}  // namespace
}  // namespace stack
