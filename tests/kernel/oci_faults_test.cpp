// stack-runtime killed between any two of its steps: what is there is complete or can be removed, and then nothing is left.
// The points are those that a command passes when nobody kills it, so that a new one is tested as soon as it is there. Finer
// still, and in the library below too: killed at any of its system calls. The ring tries some; `ctest -L long` all.
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/host_facts.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/call_tracer.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/processes.hpp"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <limits>
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

// A user namespace: its first process is made by one that leaves, and its ids by one that writes them.
constexpr const char* kMapped = R"({"linux": {
    "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "user"}],
    "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
    "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]}})";

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

    /// Its exit code. What the command leaves is reaped at once, by a process between it and us: in the pid namespace of a
    /// container, an orphan whose parent takes its time keeps the first process from ending.
    int call_faulty(const std::vector<std::string>& args, const std::string& variable,
                    const std::string& value) {
        OciCall faulty{args, {{variable, value}}};
        if (!notify_socket_.empty()) faulty.env["NOTIFY_SOCKET"] = notify_socket_;
        faulty.program = test_program_path("stack-runtime-faulty");
        Pipe answer = make_pipe();
        const pid_t nurse = ::fork();
        if (nurse == 0) {
            ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
            const auto code = static_cast<unsigned char>(call(faulty).code);
            write_all(answer.write.get(), {reinterpret_cast<const char*>(&code), 1}, "the answer");
            answer.write.reset();
            while (::waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
            }
            ::_exit(0);
        }
        nurses_.push_back(nurse);
        answer.write.reset();
        const std::string code = read_all(answer.read.get(), "the answer");
        return code.empty() ? -1 : static_cast<unsigned char>(code.front());
    }
    void TearDown() override {
        OciTest::TearDown();
        for (const pid_t nurse : nurses_) ::waitpid(nurse, nullptr, 0);
    }

    /// `prepare` makes what the command works on.
    void kill_at_every_point(const std::vector<std::string>& args, const std::function<void()>& prepare) {
        for (const std::string& point : points_of(args, prepare)) {
            if (!covered_.insert(args.front() + " " + point).second) continue;
            SCOPED_TRACE(args.front() + " killed at " + point);
            prepare();
            EXPECT_EQ(call_faulty(args, "STACK_FAULT", point), kKilled);
            expect_complete_or_unknown();
            if (still_works_) {
                EXPECT_EQ(must({"exec", kId, "echo", "here"}), "here\n");
            }
            EXPECT_EQ(call({"delete", "--force", kId}).err, "");
            expect_nothing_left();
            if (HasFailure()) return;
        }
    }

    /// The same with the program itself, at every call that may be seen from outside.
    void kill_at_calls(const std::vector<std::string>& args, const std::function<void()>& prepare) {
        TracedProgram traced{{program(), "--root", root()},
                             {"PATH=/usr/bin:/bin", "ASAN_OPTIONS=detect_leaks=0"}};
        traced.argv.insert(traced.argv.end(), args.begin(), args.end());
        prepare();
        const TracedEnd whole = run_until_call(traced, std::numeric_limits<int>::max());
        EXPECT_EQ(whole.exit_code, 0);
        EXPECT_EQ(call({"delete", "--force", kId}).err, "");
        const int stride = ::getenv("STACK_EVERY_CALL") != nullptr ? 1 : 13;
        for (int nth = 1; nth <= whole.calls && !HasFailure(); nth += stride) {
            prepare();
            const TracedEnd end = run_until_call(traced, nth);
            SCOPED_TRACE(fmt::format("{} killed at call {} of {}: number {}", args.front(), nth, whole.calls,
                                     end.killed_at));
            expect_complete_or_unknown();
            EXPECT_EQ(call({"delete", "--force", kId}).err, "");
            expect_nothing_left();
        }
    }

    void expect_nothing_left() {
        EXPECT_TRUE(gone(kId));
        EXPECT_TRUE(eventually([&] { return processes_of(dir().path()).empty(); }));
        EXPECT_EQ(read_file("/proc/self/mountinfo").find(dir().path()), std::string::npos);
    }

    static constexpr const char* kId = "one";

    /// A socket that nobody takes anything from: a fresh one for each command that might fill it.
    std::string fresh_socket(const std::string& name, int type) {
        std::filesystem::remove(dir().file(name));
        sockets_[name] = unix_socket(dir().file(name), type);
        return dir().file(name);
    }
    void create_container(const std::vector<std::string>& args, const std::string& patch = "{}") {
        OciCall create{{"create", "--bundle", bundle(args, patch), kId}};
        if (!notify_socket_.empty()) create.env["NOTIFY_SOCKET"] = notify_socket_;
        const OciResult result = call(create);
        EXPECT_EQ(result.code, 0) << result.err;
    }
    bool still_works_ = false;   ///< whatever happens to the command
    std::string notify_socket_;  ///< what the commands' environment says

  private:
    std::map<std::string, UniqueFd> sockets_;
    std::vector<pid_t> nurses_;
    std::set<std::string>
        covered_;  ///< of this test: `run` and `run --detach` have most of their way in common
    std::vector<std::string> points_of(const std::vector<std::string>& args,
                                       const std::function<void()>& prepare) {
        prepare();
        const std::string log = dir().file("points");
        EXPECT_EQ(call_faulty(args, "STACK_FAULT_LOG", log), 0);
        EXPECT_EQ(call({"delete", "--force", kId}).code, 0);
        std::vector<std::string> points = split(trim(read_file(log)), '\n');
        std::filesystem::remove(log);
        EXPECT_FALSE(points.front().empty());
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
                        AnyOf("creating", "created", "running", "paused", "stopped"));
        }
        EXPECT_EQ(call({"list"}).code, 0);
    }
};

TEST_F(OciFaults, CreateCanBeKilledAnywhere) {
    const std::string folder = bundle_with_hooks({"stack-payload", "sleep"});
    kill_at_every_point({"create", "--bundle", folder, "--pid-file", dir().file("pid"), kId}, [] {});
}

TEST_F(OciFaults, CreateCanBeKilledWhileItHandsOver) {
    const std::string folder = bundle({"stack-payload", "sleep"}, R"({"process": {"terminal": true}})");
    notify_socket_ = fresh_socket("notify.sock", SOCK_DGRAM);
    kill_at_every_point({"create", "--bundle", folder, "--console-socket", dir().file("console"),
                         "--pidfd-socket", dir().file("pidfd"), kId},
                        [&] {
                            fresh_socket("console", SOCK_STREAM);
                            fresh_socket("pidfd", SOCK_STREAM);
                        });
}

TEST_F(OciFaults, StartCanBeKilledAnywhere) {
    const std::string folder = bundle_with_hooks({"stack-payload", "sleep"});
    kill_at_every_point({"start", kId}, [&] { must({"create", "--bundle", folder, kId}); });
}

TEST_F(OciFaults, StartCanBeKilledWhileItWaitsForReadiness) {
    kill_at_every_point({"start", kId}, [&] {
        notify_socket_ = fresh_socket("notify.sock", SOCK_DGRAM);
        create_container({"stack-payload", "notify"});
    });
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

// What the container is made of is as it was.
TEST_F(OciFaults, ExecCanBeKilledAnywhere) {
    const auto running = [&] { start_sleeping(kId); };
    still_works_ = true;
    kill_at_every_point({"exec", "--tty", kId, "true"}, running);
    kill_at_every_point({"exec", "--detach", "--pid-file", dir().file("pid"), kId, "stack-payload", "sleep"},
                        running);
}

TEST_F(OciFaults, UpdateCanBeKilledAnywhere) {
    still_works_ = true;
    kill_at_every_point({"update", "--memory", "100m", "--pids-limit", "50", kId},
                        [&] { start_sleeping(kId); });
}

TEST_F(OciFaults, PauseAndResumeCanBeKilledAnywhere) {
    kill_at_every_point({"pause", kId}, [&] { start_sleeping(kId); });
    still_works_ = true;
    kill_at_every_point({"resume", kId}, [&] {
        start_sleeping(kId);
        must({"pause", kId});
    });
}

TEST_F(OciFaults, KillCanBeKilledAnywhere) {
    const auto paused = [&] {
        start_sleeping(kId);
        must({"pause", kId});
    };
    kill_at_every_point({"kill", kId, "KILL"}, paused);
    kill_at_every_point({"kill", kId}, [&] { create_container({"stack-payload", "sleep"}); });
    kill_at_every_point({"kill", "--all", kId, "KILL"}, paused);
    still_works_ = true;
    kill_at_every_point({"kill", kId, "WINCH"}, [&] { start_sleeping(kId); });
}

TEST_F(OciFaults, AnySystemCallCanBeTheLastOne) {
    const std::string folder = bundle_with_hooks({"stack-payload", "sleep"});
    const auto created = [&] { must({"create", "--bundle", folder, kId}); };
    const auto running = [&] {
        created();
        must({"start", kId});
    };
    const auto paused = [&] {
        running();
        must({"pause", kId});
    };
    kill_at_calls({"create", "--bundle", folder, "--pid-file", dir().file("pid"), kId}, [] {});
    kill_at_calls({"start", kId}, created);
    kill_at_calls({"run", "--detach", "--bundle", folder, kId}, [] {});
    kill_at_calls({"exec", "--detach", kId, "stack-payload", "sleep"}, running);
    kill_at_calls({"update", "--pids-limit", "50", kId}, running);
    kill_at_calls({"pause", kId}, running);
    kill_at_calls({"resume", kId}, paused);
    kill_at_calls({"kill", kId, "KILL"}, paused);
    kill_at_calls({"delete", "--force", kId}, paused);
    if (!probe_host_facts().overlay_layer_append)
        return;  // Linux 6.8, which user namespaces need for their root
    const std::string mapped = bundle({"stack-payload", "sleep"}, kMapped);
    kill_at_calls({"create", "--bundle", mapped, kId}, [] {});
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
