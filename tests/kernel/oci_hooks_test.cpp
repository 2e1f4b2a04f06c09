// Hooks: their order, what they are told, and what becomes of a container when one fails.
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class OciHooks : public OciTest {
  protected:
    // A hook that appends its name and the state it was told, by a shell of the host.
    [[nodiscard]] json recording(const std::string& name) const {
        return json::array({{{"path", "/bin/sh"},
                             {"args", {"sh", "-c", fmt::format("(echo {} $(cat)) >>{}", name, journal())}}}});
    }
    [[nodiscard]] std::string journal() const { return dir().file("journal"); }
    // `name status` of each hook that has run.
    [[nodiscard]] std::vector<std::string> entries() const {
        std::vector<std::string> result;
        for (const std::string& line : split(read_file_if_exists(journal()).value_or(""), '\n')) {
            const std::size_t space = line.find(' ');
            if (space == std::string::npos) continue;
            const json state = json::parse(line.substr(space + 1));
            EXPECT_EQ(state["id"], "one");
            EXPECT_TRUE(state["bundle"].is_string() && state["ociVersion"].is_string() &&
                        state["pid"].is_number());
            result.push_back(line.substr(0, space) + " " + state["status"].get<std::string>());
        }
        return result;
    }
    [[nodiscard]] json all_but(const std::string& kind, const json& other) const {
        json hooks;
        for (const char* name : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"})
            hooks[name] = recording(name);
        hooks[kind] = other;
        return {{"hooks", hooks}};
    }
    static json failing(const std::string& script) {
        return json::array({{{"path", "/bin/true"}},
                            {{"path", "/bin/sh"}, {"args", {"sh", "-c", "cat >/dev/null; " + script}}}});
    }
};

TEST_F(OciHooks, RunInOrderAndAreToldTheState) {
    json patch = all_but("poststop", recording("poststop"));
    patch["hooks"]["startContainer"] =
        json::array({{{"path", "/bin/sh"}, {"args", {"sh", "-c", "cat >/tmp/state"}}}});
    patch["mounts"] = json::parse(R"([{"destination": "/proc", "type": "proc", "source": "proc"},
                                      {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}])");
    must({"create", "--bundle",
          bundle({"sh", "-c", "cat /tmp/state; exec stack-payload sleep"}, patch.dump()), "one"});
    EXPECT_THAT(entries(),
                ElementsAre("prestart creating", "createRuntime creating", "createContainer creating"));
    must({"start", "one"});
    EXPECT_EQ(json::parse(must({"exec", "one", "cat", "/tmp/state"})).at("status"), "created");
    must({"delete", "--force", "one"});
    EXPECT_THAT(entries(), ElementsAre("prestart creating", "createRuntime creating",
                                       "createContainer creating", "poststart running", "poststop stopped"));
}

TEST_F(OciHooks, FailureOfOneEndsTheContainer) {
    for (const char* kind : {"prestart", "createRuntime", "createContainer"}) {
        const json patch = all_but(kind, failing("echo because >&2; exit 3"));
        const std::string message = refusal({"create", "--bundle", bundle({"true"}, patch.dump()), "one"});
        EXPECT_THAT(message, HasSubstr(fmt::format("error running {} hook #1: ", kind)));
        EXPECT_THAT(message, HasSubstr("exit status 3"));
        EXPECT_THAT(message, HasSubstr("because"));
        EXPECT_TRUE(gone("one"));
        EXPECT_EQ(entries().back(), "poststop stopped") << kind;
    }
}

TEST_F(OciHooks, FailureAfterStartEndsTheContainer) {
    const json patch = all_but("poststart", failing("exit 1"));
    must({"create", "--bundle", bundle({"stack-payload", "sleep"}, patch.dump()), "one"});
    EXPECT_THAT(refusal({"start", "one"}), HasSubstr("error running poststart hook #1: "));
    EXPECT_TRUE(gone("one"));
    EXPECT_THAT(refusal({"run", "-d", "--bundle", bundle({"stack-payload", "sleep"}, patch.dump()), "one"}),
                HasSubstr("error running poststart hook #1: "));
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciHooks, FailureInsideAtTheStartStopsTheContainer) {
    const json patch = all_but("startContainer", failing("exit 4"));
    must({"create", "--bundle", bundle({"true"}, patch.dump()), "one"});
    EXPECT_THAT(refusal({"start", "one"}), HasSubstr("error running startContainer hook #1: "));
    EXPECT_TRUE(becomes("one", "stopped"));
    EXPECT_EQ(entries().back(), "createContainer creating");
    must({"delete", "one"});
    EXPECT_EQ(entries().back(), "poststop stopped");
}

TEST_F(OciHooks, FailureAfterTheEndIsAWarning) {
    const json patch = all_but("poststop", failing("exit 1"));
    const OciResult result = call({"run", "--bundle", bundle({"true"}, patch.dump()), "one"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("level=warning msg=\"error running poststop hook"));
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciHooks, HaveTheirTime) {
    json hook = json::array({{{"path", "/bin/sleep"}, {"args", {"sleep", "1000"}}, {"timeout", 1}}});
    EXPECT_THAT(
        refusal({"create", "--bundle", bundle({"true"}, all_but("createRuntime", hook).dump()), "one"}),
        HasSubstr("error running createRuntime hook #0: "));
    EXPECT_TRUE(gone("one"));
}

// CVE-2021-43784: what is told to the child has a length that it can take, or is not told.
TEST_F(OciHooks, AStateOfAnySizeArrivesWholeOrNotAtAll) {
    const auto create = [&](std::size_t size) {
        const json hook =
            json::array({{{"path", "/bin/sh"}, {"args", {"sh", "-c", fmt::format("cat >{}", journal())}}}});
        const json patch{{"annotations", {{"note", std::string(size, 'x')}}},
                         {"hooks", {{"createContainer", hook}}}};
        return call({"create", "--bundle", bundle({"true"}, patch.dump()), "one"});
    };
    const OciResult large = create(60'000);
    EXPECT_EQ(large.code, 0) << large.err;
    EXPECT_EQ(json::parse(read_file(journal())).at("annotations").at("note"), std::string(60'000, 'x'));
    must({"delete", "--force", "one"});
    for (const std::size_t size : {65'536u, 130'000u}) {
        const OciResult refused = create(size);
        EXPECT_EQ(refused.code, 1);
        EXPECT_THAT(refused.err, HasSubstr("the container's state is larger than 64 KiB")) << size;
        EXPECT_TRUE(gone("one"));
    }
}

TEST_F(OciHooks, MayAskForTheState) {
    const json hook = json::array(
        {{{"path", "/bin/sh"},
          {"args",
           {"sh", "-c",
            fmt::format("cat >/dev/null; {} --root {} state one >{}", program(), root(), journal())}}}});
    must({"create", "--bundle", bundle({"true"}, json{{"hooks", {{"createRuntime", hook}}}}.dump()), "one"});
    const json told = json::parse(read_file(journal()));
    EXPECT_EQ(told.at("id"), "one");
    EXPECT_EQ(told.at("status"), "creating");
    EXPECT_EQ(told.at("pid"), state("one").at("pid"));
    EXPECT_EQ(state("one").at("status"), "created");
}

}  // namespace
}  // namespace stack::test
