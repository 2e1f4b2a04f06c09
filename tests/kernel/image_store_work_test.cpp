// The store while several are at work in it, and after somebody was killed in it: always sound, and du(1) agrees with df.
#include "runtime/image/image_index.hpp"
#include "runtime/image/layer_record.hpp"
#include "runtime/image/store_gc.hpp"
#include "runtime/image/store_usage.hpp"
#include "tests/kernel/image_worker.hpp"
#include "tests/support/test_image.hpp"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>

namespace stack::image {
namespace {

class StoreAtWork : public test::ImageWorkerTest {
  protected:
    void layout(const std::string& name, const std::vector<std::string>& contents) const {
        test::TestImage image;
        for (const std::string& content : contents)
            image.layers.push_back(test::tar_of_file(content.substr(0, 8), content));
        test::write_image_layout(directory_.file(name), "1", image);
    }
    [[nodiscard]] StorePaths paths() const { return StorePaths{directory_.file("root")}; }

    ProcessHandle start_import(const std::string& name) const {
        SpawnOptions options;
        options.argv = {test::kWorkerProgram,    "import", "--root",
                        directory_.file("root"), name,     directory_.file(name)};
        options.fds = {-1, -1, 2};
        return spawn(options);
    }
    static bool ends_within(const ProcessHandle& process, std::chrono::milliseconds time) {
        pollfd end{process.pidfd(), POLLIN, 0};
        return ::poll(&end, 1, static_cast<int>(time.count())) > 0;
    }
    static std::optional<pid_t> child_of(pid_t pid) {
        std::ifstream file{fmt::format("/proc/{}/task/{}/children", pid, pid)};
        pid_t child = 0;
        return file >> child ? std::optional{child} : std::nullopt;
    }

    StoreUsage usage_that_du_agrees_with() const {
        DiskCounter disk;
        StoreUsage usage = measure_store(paths(), {}, disk);
        EXPECT_EQ(usage.total_bytes, du(paths().images) + du(paths().layers) + du(paths().staging));
        return usage;
    }
    // What the next command does first, once all that was killed is gone.
    void recover() const {
        static_cast<void>(FileLock::acquire(paths().gc_lock));
        store().collect();
        expect_sound_store();
        usage_that_du_agrees_with();
    }
};

TEST_F(StoreAtWork, DfEqualsDuAndTrustsWhatWasMeasuredOnce) {
    shell(
        "mkdir -p r/a/b && head -c 300000 /dev/urandom > r/a/random && ln r/a/random r/b && truncate -s 50M "
        "r/sparse"
        " && for i in $(seq 300); do echo $i > r/a/b/file-with-a-long-name-so-that-the-folder-grows-$i; "
        "done");
    const std::string note(1000, 'x');  // an attribute too large for the inode takes a block of its own
    ASSERT_EQ(::setxattr(directory_.file("r/a/random").c_str(), "user.note", note.data(), note.size(), 0), 0);
    ASSERT_EQ(work("import big r").error, "");
    layout("one", {std::string(400'000, 'b'), "one"});
    layout("two", {std::string(400'000, 'b'), "two"});
    ASSERT_EQ(work("import one one").error, "");
    ASSERT_EQ(work("import two two").error, "");
    const StoreUsage usage = usage_that_du_agrees_with();
    EXPECT_EQ(usage.images.size(), 3u);
    for (const std::string& id : store().get("big").layer_ids) {
        const LayerRecord record = read_layer_record(paths(), id).value();
        EXPECT_EQ(record.disk_bytes, du(paths().layer(id)));
        EXPECT_NE(record.inode, 0u);
    }
    GcOptions everything;
    everything.unused = true;
    const std::uint64_t before = du(directory_.file("root"));
    const GcPlan done = collect_garbage(paths(), everything, {});
    EXPECT_EQ(before - du(directory_.file("root")), done.bytes);
    EXPECT_TRUE(usage_that_du_agrees_with().layers.empty());
}

TEST_F(StoreAtWork, ImportsAndGcAtOnceNeverLoseWhatIsUsed) {
    layout("kept", {std::string(400'000, 'b'), "kept"});
    layout("one", {std::string(400'000, 'b'), std::string(300'000, '1')});
    layout("two", {std::string(400'000, 'b'), std::string(300'000, '2')});
    ASSERT_EQ(work("import kept kept").error, "");
    const std::string kept = store().get("kept").digest;
    GcOptions everything;
    everything.unused = true;
    everything.keep_bytes = 0;
    int collected = 0;
    for (int round = 0; round < 6; ++round) {
        const ProcessHandle one = start_import("one"), two = start_import("two");
        // As fast as it goes, against two imports that share a layer with each other and with what is in use.
        while (!ends_within(one, std::chrono::milliseconds{1}) ||
               !ends_within(two, std::chrono::milliseconds{1}))
            collected += collect_garbage(
                             paths(), everything,
                             [&] {
                                 return ImagesInUse{{kept, "shop-web-1"}};
                             }).postponed
                             ? 0
                             : 1;
        EXPECT_EQ(wait_for_exit(one), 0);
        EXPECT_EQ(wait_for_exit(two), 0);
        for (const ImageSummary& image : store().list())
            EXPECT_NO_THROW(static_cast<void>(store().get(image.digest)));
        EXPECT_EQ(store().get(kept).layer_paths.size(), 2u);
    }
    recover();
    collect_garbage(paths(), everything, [&] { return ImagesInUse{{kept, "shop-web-1"}}; });
    EXPECT_EQ(store().list().size(), 1u);
    expect_sound_store();
    usage_that_du_agrees_with();
}

// Kills the outer or the inner half ever later, until an import gets through. STACK_LONG_TESTS=1: in small steps.
TEST_F(StoreAtWork, SurvivesBeingKilledAtAnyMoment) {
    layout("old", {std::string(400'000, 'b'), "old"});
    ASSERT_EQ(work("import old old").error, "");
    const std::string old = store().get("old").digest;
    std::vector<std::string> layers{std::string(400'000, 'b')};
    for (char letter = 'a'; letter < 'i'; ++letter) layers.emplace_back(500'000, letter);
    layout("new", layers);
    const bool in_small_steps = ::getenv("STACK_LONG_TESTS") != nullptr;
    // By an eighth once that is more: even steps up to the end of a slow import would take the square of its time.
    const auto step = [&](int delay) { return in_small_steps ? 1 : std::max(12, delay / 8); };
    int through = 0;
    for (int round = 0, delay = 0; through < 2 && delay < 3000; ++round, delay += step(delay)) {
        const ProcessHandle import = start_import("new");
        if (ends_within(import, std::chrono::milliseconds{delay})) ++through;
        const std::optional<pid_t> inner = child_of(import.pid());
        const bool kill_inner = inner && round % 2 == 1;
        if (kill_inner) {
            if (const auto handle = ProcessHandle::open(*inner)) handle->signal(SIGKILL);
        } else {
            import.signal(SIGKILL);
        }
        wait_for_exit(import);
        recover();
        EXPECT_EQ(store().get("old").digest, old);
        if (store().find("new")) {
            ASSERT_NO_THROW(store().remove("new", {}));
        }
    }
    EXPECT_EQ(through, 2) << "the import never ended";
    EXPECT_EQ(work("import new new").error, "");
    EXPECT_EQ(store().get("new").layer_paths.size(), 9u);
    recover();
}

}  // namespace
}  // namespace stack::image
