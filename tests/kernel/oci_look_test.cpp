// list, ps, spec, features, help and the log: what the program says.
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "tests/kernel/oci_fixture.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class OciLook : public OciTest {};

TEST_F(OciLook, ListsContainers) {
    EXPECT_THAT(refusal({"list"}), HasSubstr("no such file or directory"));  // a given root must be there
    start_sleeping("two");
    must({"create", "--bundle", bundle({"true"}), "one"});
    const json one = state("one"), two = state("two");
    EXPECT_EQ(must({"list", "-q"}), "one\ntwo\n");
    const std::string table = must({"list"});
    EXPECT_THAT(split(table, '\n')[0], StartsWith("ID          PID         STATUS      BUNDLE"));
    EXPECT_THAT(split(table, '\n')[1],
                AllOf(StartsWith(fmt::format("one         {:<11} created     {}   ", one["pid"].dump(),
                                             one["bundle"].get<std::string>())),
                      HasSubstr(one["created"].get<std::string>() + "   root")));
    const std::string text = must({"list", "--format", "json"});
    EXPECT_EQ(json::parse(text), json::array({one, two}));
    EXPECT_THAT(text, StartsWith("[{\"ociVersion\":\"1.3.0\",\"id\":\"one\",\"pid\":"));
    EXPECT_THAT(refusal({"list", "-f", "xml"}), HasSubstr("invalid format option"));
}

TEST_F(OciLook, RemembersContainersInRunUnlessToldOtherwise) {
    SpawnOptions options;  // with a /run of its own
    options.argv = {
        "/usr/bin/unshare",
        "--mount",
        "sh",
        "-c",
        R"(mount -t tmpfs tmpfs /run && "$1" list -q && "$1" list | wc -l && "$1" create -b "$2" one </dev/null &&
                       ls /run/stack-runtime && "$1" delete --force one)",
        "sh",
        program(),
        bundle({"true"})};
    options.fds = {-1, -1, -1};
    const CommandResult result = run_command(options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, "1\none\n");
}

TEST_F(OciLook, RemembersContainersOfOthersInTheirRuntimeDirectory) {
    fs::permissions(dir().path(), fs::perms{0755});
    const auto list = [&] {
        SpawnOptions options;
        options.argv = {"/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534",
                        "--clear-groups",   program(), "list"};
        options.env =
            std::vector<std::string>{"PATH=/usr/bin:/bin", "XDG_RUNTIME_DIR=" + dir().file("runtime")};
        options.fds = {-1, -1, -1};
        return run_command(options);
    };
    if (list().exit_code != 0) GTEST_SKIP() << "nobody can't run " << program();
    EXPECT_EQ(split(list().out, '\n').size(), 2u);
    // One that can't be read is found there.
    fs::create_directories(dir().file("runtime/stack-runtime"));
    fs::permissions(dir().file("runtime/stack-runtime"), fs::perms{0700});
    EXPECT_THAT(list().err, HasSubstr(dir().file("runtime/stack-runtime")));
}

TEST_F(OciLook, ShowsProcesses) {
    start_sleeping("one");
    const std::string pid = state("one")["pid"].dump();
    EXPECT_EQ(must({"ps", "--format", "json", "one"}), "[" + pid + "]\n");
    const std::vector<std::string> lines = split(must({"ps", "one"}), '\n');
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_THAT(lines[0], HasSubstr("PID"));
    EXPECT_THAT(lines[1], AllOf(HasSubstr(pid), HasSubstr("stack-payload sleep")));
    EXPECT_THAT(must({"ps", "one", "-e", "-o", "comm,pid"}), HasSubstr("stack-payload"));
    must({"kill", "one", "KILL"});
    ASSERT_TRUE(becomes("one", "stopped"));
    EXPECT_EQ(must({"ps", "-f", "json", "one"}), "[]\n");
    EXPECT_EQ(split(must({"ps", "one"}), '\n').size(), 2u);
}

TEST_F(OciLook, WritesASpecification) {
    must({"spec", "--bundle", dir().path()});
    const json config = json::parse(read_file(dir().file("config.json")));
    EXPECT_EQ(config["ociVersion"], "1.3.0");
    EXPECT_EQ(config["process"]["args"], json::array({"sh"}));
    EXPECT_THAT(refusal({"spec", "--bundle", dir().path()}), HasSubstr("exists. Remove it first"));
    fs::create_directories(dir().file("rootfs"));
    EXPECT_THAT(refusal({"create", "--bundle", dir().path(), "one"}), HasSubstr("cannot allocate tty"));
    must({"spec", "--rootless", "--bundle", dir().file("rootfs")});
    EXPECT_THAT(read_file(dir().file("rootfs/config.json")), HasSubstr("uidMappings"));
}

TEST_F(OciLook, TellsWhatItCanDo) {
    const json features = json::parse(must({"features"}));
    EXPECT_EQ(features["ociVersionMin"], "1.0.0");
    EXPECT_EQ(features["ociVersionMax"], "1.3.0");
    EXPECT_EQ(features["linux"]["namespaces"].size(), 8u);
    EXPECT_THAT(features["mountOptions"].dump(), AllOf(HasSubstr("\"rro\""), HasSubstr("\"tmpcopyup\"")));
    EXPECT_EQ(features["linux"]["intelRdt"]["enabled"], false);
    EXPECT_EQ(features["potentiallyUnsafeConfigAnnotations"], json{"org.systemd.property."});
}

TEST_F(OciLook, HelpsAndTellsItsVersion) {
    for (const char* word : {"--version", "-v", "version"})
        EXPECT_THAT(must({word}), AllOf(StartsWith("stack-runtime version "), HasSubstr("\nspec: 1.3.0\n")));
    EXPECT_THAT(must({"--help"}), HasSubstr("checkpoint"));
    EXPECT_THAT(must({"create", "--help"}), HasSubstr("--console-socket SOCKET"));
    EXPECT_EQ(must({"help", "exec"}), must({"exec", "--help"}));
    EXPECT_EQ(refusal({"frobnicate"}, 3), "No help topic for 'frobnicate'\n");
    EXPECT_EQ(refusal({"checkpoint", "one"}), "checkpoint and restore are not supported");
    EXPECT_EQ(refusal({"restore", "--image-path", "x", "one"}), "checkpoint and restore are not supported");
    EXPECT_THAT(refusal({"start"}), HasSubstr("\"stack-runtime start\" requires exactly 1 argument(s)"));
    EXPECT_THAT(refusal({"start", "a", "b"}), HasSubstr("requires exactly 1"));
    EXPECT_THAT(refusal({"kill", "a", "TERM", "b"}), HasSubstr("requires at most 2"));
}

TEST_F(OciLook, LogsForItsCallers) {
    const std::string log = dir().file("log.json");
    const OciResult result = call({"--log", log, "--log-format", "json", "start", "missing"});
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.err, "container \"missing\": container does not exist\n");
    const json record = json::parse(read_file(log));
    EXPECT_EQ(record["level"], "error");
    EXPECT_EQ(record["msg"], "container \"missing\": container does not exist");
    EXPECT_THAT(record["time"].get<std::string>(), testing::MatchesRegex("....-..-..T..:..:......*Z"));
    EXPECT_EQ(json::parse(call({"--log-format=json", "start", "missing"}).err)["msg"], record["msg"]);
}

TEST_F(OciLook, LogsWhatIsWrongWithItsOwnFlags) {
    const std::string log = dir().file("log.json");
    const auto logged = [&](const std::vector<std::string>& more, int code) {
        fs::remove(log);
        OciCall call{{"--log", log, "--log-format", "json"}};
        call.args.insert(call.args.end(), more.begin(), more.end());
        EXPECT_EQ(this->call(call).code, code);
        return json::parse(read_file_if_exists(log).value_or("{}")).value("msg", "");
    };
    EXPECT_EQ(logged({"--nope", "state", "one"}, 1), "flag provided but not defined: -nope");
    EXPECT_THAT(logged({"--cgroup-manager", "none", "exec", "one", "true"}, 255),
                HasSubstr("invalid value \"none\" for flag --cgroup-manager"));
    EXPECT_THAT(logged({"exec", "--nope", "one", "true"}, 255),
                HasSubstr("flag provided but not defined: -nope"));
    EXPECT_THAT(refusal({"--log-format", "xml", "list"}),
                HasSubstr("invalid value \"xml\" for flag --log-format"));
    EXPECT_THAT(refusal({"--log", "/no/such/file", "exec", "one", "true"}, 255),
                HasSubstr("open log file /no/such/file"));
}

TEST_F(OciLook, LogsAsMuchAsIsAskedFor) {
    EXPECT_THAT(call({"--debug", "run", "--bundle", bundle({"true"}), "one"}).err,
                AllOf(HasSubstr("level=debug msg=\"one: cgroup /"), HasSubstr("sets itself up"),
                      HasSubstr("one: started"), HasSubstr("one: removed")));
    EXPECT_EQ(call({"--log-level=warning", "run", "--bundle", bundle({"true"}), "one"}).err, "");
    EXPECT_THAT(call({"--log-level", "error", "start", "missing"}).err, HasSubstr("level=error"));
    EXPECT_THAT(call({"--log-level", "loud", "list"}).err, HasSubstr("debug, warning or error"));
}

TEST_F(OciLook, LogsWhyAProcessDidNotStart) {
    const std::string log = dir().file("log.json"), path = bundle({"no-such"});
    const auto last_message = [&] {
        const std::vector<std::string> lines = split(trim(read_file(log)), '\n');
        return json::parse(lines.back()).at("msg").get<std::string>();
    };
    const std::vector<std::string> globals{"--log", log, "--log-format=json"};
    const auto fails = [&](std::vector<std::string> args, int code) {
        args.insert(args.begin(), globals.begin(), globals.end());
        EXPECT_EQ(call(args).code, code);
        return last_message();
    };
    EXPECT_THAT(fails({"create", "--bundle", path, "one"}, 1),
                StartsWith("exec: \"no-such\": executable file not found"));
    EXPECT_THAT(fails({"run", "--preserve-fds", "1", "--bundle", path, "one"}, 1),
                StartsWith("descriptor 3 is to be preserved and is not open"));
    start_sleeping("one");
    EXPECT_THAT(fails({"exec", "one", "/etc"}, 255), StartsWith("exec: \"/etc\": permission denied"));
}

TEST_F(OciLook, TakesFlagsAsCallersWriteThem) {
    start_sleeping("one");
    must({"--cgroup-manager", "cgroupfs", "--rootless", "auto", "--debug=false", "state", "one"});
    must({"-debug", "kill", "one", "KILL"});
    EXPECT_THAT(refusal({"kill", "--nope", "one"}), HasSubstr("flag provided but not defined: -nope"));
    EXPECT_THAT(refusal({"create", "--bundle"}), HasSubstr("flag needs an argument: --bundle"));
}

}  // namespace
}  // namespace stack::test
