// Many containers one after another, eight under way at any time: what one of them leaves behind, thousands make visible.
// STACK_CYCLES says how many (40).
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/kernel/runtime_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <malloc.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;

constexpr int kAtATime = 8;

int cycles() {
    const char* text = ::getenv("STACK_CYCLES");
    return text != nullptr ? std::max(2 * kAtATime, std::atoi(text)) : 40;
}

/// What this process holds.
struct Holdings {
    std::size_t heap_bytes = 0;  ///< given out by malloc and not given back
    std::size_t descriptors = 0;
    std::size_t mounts = 0;

    static Holdings now() {
        const std::string mounts = read_file("/proc/self/mountinfo");
        return {::mallinfo2().uordblks, list_directory("/proc/self/fd").size(),
                static_cast<std::size_t>(std::count(mounts.begin(), mounts.end(), '\n'))};
    }
};

class StressCycles : public RuntimeTest {
  protected:
    struct Running {
        PendingProcess process;
        Cgroup cgroup;
        int place;
    };

    void SetUp() override {
        RuntimeTest::SetUp();
        if (IsSkipped()) return;
        layout_ = detect_cgroups();
        if (layout_.mode == CgroupLayout::Mode::none) GTEST_SKIP() << "no cgroups on this host";
        parent_ = "/" + fs::path{dir().path()}.filename().string();
        for (int place = 0; place < kAtATime; ++place) specs_.push_back(spec({"true"}));
    }
    void TearDown() override {
        if (!parent_.empty()) remove_cgroup(layout_, parent_);
        RuntimeTest::TearDown();
    }

    void begin(int place) {
        ContainerSpec& wanted = specs_[static_cast<std::size_t>(place)];
        wanted.cgroups_path = path_of(place);
        Cgroup cgroup = Cgroup::create(layout_, wanted.cgroups_path, {});
        LaunchOptions options;
        options.cgroup.clone_into = cgroup.clone_into_fd();
        options.cgroup.task_files = cgroup.task_fds();
        PendingProcess process = begin_launch(wanted, {}, options, facts());
        running_.push_back(Running{std::move(process), std::move(cgroup), place});
    }
    /// Of the oldest; the place that is free now.
    int finish() {
        Running oldest = std::move(running_.front());
        running_.pop_front();
        oldest.process.wait_until_started();
        EXPECT_EQ(exit_code_of_status(wait_for_exit(oldest.process.handle())), 0);
        remove_cgroup(layout_, path_of(oldest.place));
        return oldest.place;
    }
    void run_cycles(int count) {
        for (int i = 0; i < count && !HasFailure(); ++i) begin(i < kAtATime ? i : finish());
        while (!running_.empty()) finish();
    }

    [[nodiscard]] std::vector<std::string> cgroups_left() const { return cgroups_of(parent_); }

  private:
    [[nodiscard]] std::string path_of(int place) const { return fmt::format("{}/{}", parent_, place); }
    CgroupLayout layout_;
    std::string parent_;
    std::vector<ContainerSpec> specs_;
    std::deque<Running> running_;
};

TEST_F(StressCycles, OfTheLibraryLeaveNothing) {
    run_cycles(2 * kAtATime);  // what is made once: caches, locales, the filter
    const Holdings before = Holdings::now();
    run_cycles(cycles());
    const Holdings after = Holdings::now();
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.mounts, before.mounts);
    EXPECT_LE(after.heap_bytes, before.heap_bytes + 4096) << "in " << cycles() << " cycles";
    EXPECT_EQ(join(cgroups_left(), "\n"), "");
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1);
}

class StressProgram : public OciTest {
  protected:
    /// create, start, delete; the container runs until it is killed.
    void run_cycle(const std::string& folder, const std::string& id) const {
        for (const std::vector<std::string>& args :
             {std::vector<std::string>{"create", "--bundle", folder, id},
              {"start", id},
              {"delete", "--force", id}}) {
            const OciResult result = call(args);
            EXPECT_EQ(result.code, 0) << args.front() << " " << id << ": " << result.err;
        }
    }
};

// TearDown looks for processes, mounts, control groups and state.
TEST_F(StressProgram, LeavesNothing) {
    std::vector<std::string> bundles;  // each has a control group of its own
    bundles.reserve(kAtATime);
    for (int caller = 0; caller < kAtATime; ++caller) bundles.push_back(bundle({"stack-payload", "sleep"}));
    run_cycle(bundles.front(), "first");
    const std::size_t descriptors = Holdings::now().descriptors;
    std::vector<std::thread> callers;
    callers.reserve(kAtATime);
    for (int caller = 0; caller < kAtATime; ++caller)
        callers.emplace_back([&, caller] {
            for (int i = caller; i < cycles() && !HasFailure(); i += kAtATime)
                run_cycle(bundles[static_cast<std::size_t>(caller)], fmt::format("c{}", i));
        });
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(Holdings::now().descriptors, descriptors);
}

}  // namespace
}  // namespace stack::test
