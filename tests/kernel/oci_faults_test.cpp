// stack-runtime killed between any two of its steps: what is there is complete or can be removed, and then nothing is left.
// The points are those that a command passes when nobody kills it, so that a new one is tested as soon as it is there.
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/processes.hpp"

#include <fstream>
#include <functional>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;

constexpr int kKilled = 128 + 9;

class OciFaults : public OciTest {
  protected:
    /// Hooks of every kind, so that the steps around them are there.
    std::string bundle_with_hooks(const std::vector<std::string>& args) {
        const json hook = json::array({{{"path", "/bin/true"}}});
        json hooks;
        for (const char* kind : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"})
            hooks[kind] = hook;
        return bundle(args, json{{"hooks", hooks}}.dump());
    }

    OciResult call_faulty(const std::vector<std::string>& args, const std::string& variable,
                          const std::string& value) const {
        OciCall faulty{args, {{variable, value}}};
        faulty.program = test_program_path("stack-runtime-faulty");
        return call(faulty);
    }

    /// `prepare` makes what the command works on.
    void kill_at_every_point(const std::vector<std::string>& args, const std::function<void()>& prepare) {
        for (const std::string& point : points_of(args, prepare)) {
            if (!covered_.insert(args.front() + " " + point).second) continue;
            SCOPED_TRACE(args.front() + " killed at " + point);
            prepare();
            EXPECT_EQ(call_faulty(args, "STACK_FAULT", point).code, kKilled);
            expect_complete_or_unknown();
            EXPECT_EQ(call({"delete", "--force", kId}).err, "");
            expect_nothing_left();
            if (HasFailure()) return;
        }
    }

    void expect_nothing_left() {
        EXPECT_TRUE(gone(kId));
        EXPECT_TRUE(eventually([&] { return processes_of(dir().path()).empty(); }));
        EXPECT_EQ(read_file("/proc/self/mountinfo").find(dir().path()), std::string::npos);
    }

    static constexpr const char* kId = "one";

  private:
    std::set<std::string>
        covered_;  ///< of this test: `run` and `run --detach` have most of their way in common
    std::vector<std::string> points_of(const std::vector<std::string>& args,
                                       const std::function<void()>& prepare) {
        prepare();
        const std::string log = dir().file("points");
        const OciResult whole = call_faulty(args, "STACK_FAULT_LOG", log);
        EXPECT_EQ(whole.code, 0) << whole.err;
        EXPECT_EQ(call({"delete", "--force", kId}).code, 0);
        std::vector<std::string> points = split(trim(read_file(log)), '\n');
        std::filesystem::remove(log);
        EXPECT_GE(points.size(), 2u);
        return points;
    }
    void expect_complete_or_unknown() const {
        const OciResult state = call({"state", kId});
        if (state.code != 0) {
            EXPECT_THAT(state.err, HasSubstr("does not exist"));
        } else {
            const json document = json::parse(state.out, nullptr, false);
            ASSERT_TRUE(document.is_object()) << state.out;
            EXPECT_EQ(document["id"], kId);
            EXPECT_THAT(document["status"].get<std::string>(),
                        AnyOf("creating", "created", "running", "stopped"));
        }
        EXPECT_EQ(call({"list"}).code, 0);
    }
};

TEST_F(OciFaults, CreateCanBeKilledAnywhere) {
    const std::string folder = bundle_with_hooks({"stack-payload", "sleep"});
    kill_at_every_point({"create", "--bundle", folder, "--pid-file", dir().file("pid"), kId}, [] {});
}

TEST_F(OciFaults, StartCanBeKilledAnywhere) {
    const std::string folder = bundle_with_hooks({"stack-payload", "sleep"});
    kill_at_every_point({"start", kId}, [&] { must({"create", "--bundle", folder, kId}); });
}

TEST_F(OciFaults, RunCanBeKilledAnywhere) {
    const std::string sleeping = bundle_with_hooks({"stack-payload", "sleep"});
    kill_at_every_point({"run", "--detach", "--bundle", sleeping, kId}, [] {});
    const std::string ending = bundle_with_hooks({"true"});
    kill_at_every_point({"run", "--bundle", ending, kId}, [] {});
}

TEST_F(OciFaults, DeleteCanBeKilledAnywhere) {
    const std::string folder = bundle_with_hooks({"stack-payload", "sleep"});
    const auto running = [&] {
        must({"create", "--bundle", folder, kId});
        must({"start", kId});
    };
    kill_at_every_point({"delete", "--force", kId}, running);
}

// Killed between clone and record, where not even a control group says which process it was.
TEST_F(OciFaults, ProcessThatNoRecordNamesEndsWithItsContainer) {
    must({"--cgroup-manager", "disabled", "create", "--bundle", bundle({"stack-payload", "sleep"}), kId});
    const std::string record = root() + "/" + kId + "/state.json";
    json before = json::parse(read_file(record));
    ASSERT_GT(before["pid"], 0);
    before["pid"] = 0;
    std::ofstream{record} << before;
    EXPECT_EQ(call({"delete", "--force", kId}).code, 0);
    expect_nothing_left();
}

}  // namespace
}  // namespace stack::test
