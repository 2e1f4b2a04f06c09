// `mounts` and `linux.devices` of config.json: what a container finds of them, and what is refused.
#include "runtime/oci/config_writer.hpp"
#include "runtime/oci/default_config.hpp"
#include "tests/kernel/oci_fixture.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class OciMounts : public OciTest {
  protected:
    // The usual mounts and this one.
    OciResult run_with(const json& mount, const std::string& script) {
        json mounts = json::parse(oci::write_config(oci::default_config()))["mounts"];
        mounts.push_back(mount);
        const OciResult result =
            call({"run", "--bundle", bundle({"sh", "-c", script}, json{{"mounts", mounts}}.dump()), "one"});
        EXPECT_TRUE(gone("one"));
        return result;
    }
};

TEST_F(OciMounts, ArePropagatedAsIsSaid) {
    const auto optional_fields = [&](const char* place, const char* type, const char* word) {
        const OciResult result =
            run_with({{"destination", place}, {"type", type}, {"source", type}, {"options", {word}}},
                     fmt::format("grep ' {} ' /proc/self/mountinfo", place));
        EXPECT_EQ(result.code, 0) << result.err;
        return result.out;
    };
    for (const auto& [place, type] :
         {std::pair{"/extra", "tmpfs"}, {"/proc", "proc"}, {"/dev/shm", "tmpfs"}}) {
        EXPECT_THAT(optional_fields(place, type, "rshared"), HasSubstr("shared:")) << place;
        for (const char* word : {"rprivate", "rslave"})
            EXPECT_THAT(optional_fields(place, type, word), HasSubstr(" - ")) << place << word;
    }
    EXPECT_THAT(optional_fields("/extra", "tmpfs", "unbindable"), HasSubstr("unbindable"));
    EXPECT_THAT(optional_fields("/extra", "tmpfs", "slave"), Not(HasSubstr("master:")));
}

TEST_F(OciMounts, AreRefusedWhatTheyWouldNotDo) {
    const auto refusal_of = [&](const json& mount) { return run_with(mount, "true").err; };
    EXPECT_THAT(refusal_of({{"destination", "/x"}, {"type", "tmpfs"}, {"options", {"idmap"}}}),
                HasSubstr("ids of a tmpfs mount can't be mapped"));
    const json map = json::array({{{"containerID", 0}, {"hostID", 5}, {"size", 1}}});
    EXPECT_THAT(
        refusal_of({{"destination", "/proc"}, {"type", "proc"}, {"uidMappings", map}, {"gidMappings", map}}),
        HasSubstr("ids of a proc mount can't be mapped"));
    EXPECT_THAT(refusal_of({{"destination", "/dev"}, {"type", "tmpfs"}, {"options", {"tmpcopyup"}}}),
                HasSubstr("a tmpfs on /dev can't take over what the image has there"));
    EXPECT_THAT(refusal_of({{"destination", "/x"}, {"type", "mqueue"}, {"options", {"tmpcopyup"}}}),
                HasSubstr("can't take over"));
    EXPECT_THAT(refusal_of({{"destination", "/sys/fs/cgroup"}, {"type", "cgroup"}, {"options", {"shared"}}}),
                HasSubstr("the view of the control groups is private"));
}

TEST_F(OciMounts, CopyUpNeverIntoADirectoryOfTheHost) {
    for (const json& mount : {json{{"type", "bind"}, {"options", {"tmpcopyup"}}},
                              json{{"type", "none"}, {"options", {"rbind", "copyup"}}}}) {
        json entry = mount;
        entry["destination"] = "/etc";
        entry["source"] = dir().path();
        EXPECT_THAT(run_with(entry, "true").err,
                    HasSubstr("would copy from the image into the source of a bind"));
    }
}

// podman has tmpcopyup on every tmpfs that its user asks for.
TEST_F(OciMounts, CopyUpOfSharedMemoryIsFine) {
    const OciResult result = run_with({{"destination", "/dev/shm"},
                                       {"type", "tmpfs"},
                                       {"options", {"rprivate", "nosuid", "nodev", "tmpcopyup", "size=1m"}}},
                                      "grep ' /dev/shm ' /proc/mounts; touch /dev/shm/x");
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("size=1024k"));
}

}  // namespace
}  // namespace stack::test
