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
    OciResult run_with_devices(const json& devices, const std::string& script) {
        return call({"run", "--bundle",
                     bundle({"sh", "-c", script}, json{{"linux", {{"devices", devices}}}}.dump()), "one"});
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

TEST_F(OciMounts, DevicesHaveTheirModesAndOwners) {
    const json devices = {
        {{"path", "/dev/mine"},
         {"type", "c"},
         {"major", 1},
         {"minor", 3},
         {"fileMode", 0640},
         {"uid", 7},
         {"gid", 8}},
        {{"path", "/dev/tty"}, {"type", "c"}, {"major", 5}, {"minor", 0}, {"fileMode", 0620}, {"gid", 5}},
        {{"path", "/dev/ptmx"}, {"type", "c"}, {"major", 5}, {"minor", 2}, {"fileMode", 0666}}};
    const OciResult result =
        run_with_devices(devices,
                         "cd /dev; ls -ln mine tty null | while read mode l uid gid m n rest; do "
                         "echo $mode $uid:$gid $m$n; done; echo x >mine");
    EXPECT_EQ(result.out, "crw-r----- 7:8 1,3\ncrw-rw-rw- 0:0 1,3\ncrw--w---- 0:5 5,0\n") << result.err;
}

TEST_F(OciMounts, AUsualDeviceIsNoOther) {
    const auto refusal_of = [&](const json& device) {
        return run_with_devices(json::array({device}), "true").err;
    };
    EXPECT_THAT(refusal_of({{"path", "/dev/null"}, {"type", "b"}, {"major", 8}, {"minor", 0}}),
                HasSubstr("device /dev/null is something else in every container than b 8:0"));
    EXPECT_THAT(refusal_of({{"path", "/dev//ptmx"}, {"type", "c"}, {"major", 5}, {"minor", 3}}),
                HasSubstr("is something else in every container than c 5:3"));
    EXPECT_THAT(refusal_of({{"path", "/dev/stdin"}, {"type", "c"}, {"major", 1}, {"minor", 3}}),
                HasSubstr("device /dev/stdin is something else"));
}

}  // namespace
}  // namespace stack::test
