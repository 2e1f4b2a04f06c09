// Who the process runs as: nothing of the image's account files and nothing of the caller's privileges may make it more
// than the spec says.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/escape_fixture.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

/// The caller has groups of its own for as long as this lives.
class SupplementaryGroups {
  public:
    explicit SupplementaryGroups(const std::vector<gid_t>& groups) : old_(64) {
        old_.resize(static_cast<std::size_t>(::getgroups(static_cast<int>(old_.size()), old_.data())));
        EXPECT_EQ(::setgroups(groups.size(), groups.data()), 0);
    }
    SupplementaryGroups(const SupplementaryGroups&) = delete;
    SupplementaryGroups& operator=(const SupplementaryGroups&) = delete;
    ~SupplementaryGroups() { EXPECT_EQ(::setgroups(old_.size(), old_.data()), 0); }

  private:
    std::vector<gid_t> old_;
};

/// The caller's capabilities are inheritable and ambient for as long as this lives.
class InheritableCapabilities {
  public:
    InheritableCapabilities() {
        __user_cap_data_struct all[2];
        EXPECT_EQ(::syscall(SYS_capget, &header_, old_), 0);
        for (int word = 0; word < 2; ++word) {
            all[word] = old_[word];
            all[word].inheritable = all[word].permitted;
        }
        EXPECT_EQ(::syscall(SYS_capset, &header_, all), 0);
        for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
            ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
        EXPECT_EQ(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 1);
    }
    InheritableCapabilities(const InheritableCapabilities&) = delete;
    InheritableCapabilities& operator=(const InheritableCapabilities&) = delete;
    ~InheritableCapabilities() {
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        EXPECT_EQ(::syscall(SYS_capset, &header_, old_), 0);
    }

  private:
    __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct old_[2] = {};
};

class EscapeIdentity : public EscapeTest {
  protected:
    /// The same question asked of a first process and of one that joins.
    std::vector<ContainerRun> launch_and_exec(const ProcessSpec& wanted, const std::string& passwd,
                                              const std::string& group) {
        ContainerSpec first = spec({"true"});
        fs::create_directories(first.root.upper + "/etc");
        std::ofstream{first.root.upper + "/etc/passwd"} << passwd;
        std::ofstream{first.root.upper + "/etc/group"} << group;
        ContainerSpec sleeping = first;
        sleeping.process.args = {"sleep", "1000"};
        first.process = wanted;
        std::vector<ContainerRun> results{run(first)};
        results.push_back(exec(start(sleeping).handle(), wanted));
        return results;
    }
};

// CVE-2026-30892, CVE-2024-40635: only what is a number as a whole, and in range, is one.
TEST_F(EscapeIdentity, UserIsParsedWholeOrNotAtAll) {
    for (const char* user :
         {"4294967296", "4294967295", "-1", "+0", " 0", "0 ", "0x0", "1e3", "0:", ":0", "0:-1",
          "0:4294967295", "1000:0:0", "18446744073709551616", "0\n", "a b", "-0"}) {
        ContainerSpec wanted = spec({"id"});
        wanted.process.user = user;
        const ContainerRun result = run(wanted);
        EXPECT_EQ(result.out, "") << user;
        EXPECT_NE(result.error, "") << user;
    }
}

// Whatever an entry says that is no entry: its name is nobody's.
TEST_F(EscapeIdentity, HostilePasswdMakesNobodyRoot) {
    const std::string nul{"evil:x:0:\0:0::/:\n", 17};
    for (const std::string& passwd :
         {std::string{"evil:x:-1:0::/:\n"}, std::string{"evil:x:4294967296:4294967296::/:\n"},
          std::string{"evil:x:4294967295:0::/:\n"}, std::string{"evil:x:18446744073709551616:0::/:\n"},
          std::string{"evil:x:0x0:0::/:\n"}, std::string{"evil:x::::/:\n"}, std::string{"evil:x: 0:0::/:\n"},
          std::string{"evil:x:+0:0::/:\n"}, std::string{"evil\n"}, std::string{"evil:x:0"}, nul,
          std::string(1 << 20, '\0') + "evil",
          std::string{"\xff\xfe"
                      "evil:x:0:0::/:\n"},
          std::string(300000, ':') + "evil:x:0:0", std::string{"#evil:x:0:0::/:\n"}}) {
        ProcessSpec wanted = process({"id", "-u"});
        wanted.user = "evil";
        for (const ContainerRun& result : launch_and_exec(wanted, passwd, "")) {
            EXPECT_THAT(result.error, HasSubstr("no user \"evil\"")) << passwd.substr(0, 60);
            EXPECT_EQ(result.out, "");
        }
    }
}

// CVE-2016-3697: an account of root's with the number of another user for a name.
TEST_F(EscapeIdentity, NumbersAreNobodysName) {
    ProcessSpec wanted = process({"sh", "-c", "id -u; id -G"});
    wanted.user = "1000:1000";
    wanted.group_add = {"44"};
    for (const ContainerRun& result : launch_and_exec(wanted, "1000:x:0:0::/:\n", "1000:x:0:\n44:x:0:\n"))
        EXPECT_EQ(result.out, "1000\n1000 44\n") << result.error;
}

// To setresuid(2) the last number is "leave it", which is root.
TEST_F(EscapeIdentity, LastIdIsNobodys) {
    for (const auto& [uid, gid] : {std::pair{0xffffffffu, 0u}, std::pair{0u, 0xffffffffu}}) {
        ProcessSpec wanted = process({"id"});
        wanted.uid = uid;
        wanted.gid = gid;
        for (const ContainerRun& result : launch_and_exec(wanted, "", "")) {
            EXPECT_EQ(result.out, "");
            EXPECT_THAT(result.error, HasSubstr("changing to the user"));
        }
    }
}

TEST_F(EscapeIdentity, LastLineWithoutNewlineCounts) {
    ProcessSpec wanted = process({"sh", "-c", "id -u; id -G"});
    wanted.user = "app";
    for (const ContainerRun& result : launch_and_exec(wanted, "app:x:1234:1235::/:", "more:x:77:app"))
        EXPECT_EQ(result.out, "1234\n1235 77\n") << result.error;
}

// CVE-2026-47262 and the kernel's own limit of groups.
TEST_F(EscapeIdentity, HostileGroupFileIsBounded) {
    ProcessSpec wanted = process({"id", "-G"});
    wanted.user = "app";
    const std::string passwd = "app:x:1234:1235::/:\n";
    std::string many;
    for (int i = 0; i < 5000; ++i) many += fmt::format("g{}:x:{}:app\n", i, 2000 + i);
    for (const ContainerRun& result : launch_and_exec(wanted, passwd, many)) {
        EXPECT_THAT(result.error, HasSubstr("groups"));
        EXPECT_EQ(result.out, "");
    }
    const std::string bad = "neg:x:-5:app\nwrap:x:4294967296:app\nbig:x:4294967295:app\nempty:x::app\n" +
                            std::string(400000, 'x') + ":x:6:app\nlist:x:9:" + std::string(1000, ',') +
                            "app\n";
    for (const ContainerRun& result : launch_and_exec(wanted, passwd, bad))
        EXPECT_EQ(result.out, "1235 9\n") << result.error;
}

// Account files that are no files: nothing blocks, nothing endless is read.
TEST_F(EscapeIdentity, AccountFilesThatAreNoFilesAreRefused) {
    for (const char* name : {"passwd", "group"}) {
        ContainerSpec wanted = spec({"id"});
        wanted.process.user = "anybody:anygroup";
        const std::string etc = wanted.root.upper + "/etc";
        const std::string path = etc + "/" + name;
        fs::create_directories(etc);
        const auto expect_refused = [&](const char* kind) {
            const ContainerRun result = run(wanted);
            EXPECT_THAT(result.error, HasSubstr("finding user")) << kind;
            EXPECT_EQ(result.out, "");
            fs::remove(path);
        };
        ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0);
        expect_refused("pipe");
        ASSERT_EQ(::mknod(path.c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
        expect_refused("/dev/zero");
        fs::create_directory(path);
        expect_refused("directory");
        fs::create_symlink("/proc/self/fd/0", path);
        expect_refused("magic link");
        fs::create_symlink(name, path);
        expect_refused("loop");
    }
}

// CVE-2022-36109, CVE-2022-2989, CVE-2022-2990, CVE-2022-2995, CVE-2023-25173.
TEST_F(EscapeIdentity, GroupsOfTheCallerStayWithTheCaller) {
    const SupplementaryGroups ours{{4242, 4343, 6}};
    for (const char* user : {"", "0", "1000", "user", "1000:1000"}) {
        ProcessSpec wanted = process({"id", "-G"});
        wanted.user = user;
        for (const ContainerRun& result :
             launch_and_exec(wanted, "user:x:1000:1000::/:\n", "user:x:1000:\n")) {
            EXPECT_NE(result.out, "") << result.error;
            EXPECT_THAT(result.out, Not(AnyOf(HasSubstr("42"), HasSubstr("43"), HasSubstr("6")))) << user;
        }
    }
}

// CVE-2022-29162, CVE-2022-24769, CVE-2022-27649, -27650, -27651.
TEST_F(EscapeIdentity, NothingIsInheritableInRunOrExec) {
    const InheritableCapabilities ours;
    for (const char* user : {"", "1000"}) {
        ProcessSpec wanted = process({"stack-payload", "facts"});
        wanted.user = user;
        for (const ContainerRun& result : launch_and_exec(wanted, "", "")) {
            const json seen = json::parse(result.out, nullptr, false);
            ASSERT_TRUE(seen.is_object()) << result.error;
            EXPECT_EQ(seen["CapInh"], "0000000000000000") << user;
            EXPECT_EQ(seen["CapAmb"], "0000000000000000") << user;
            EXPECT_EQ(seen["CapBnd"], "00000000a80405fb") << user;
            EXPECT_EQ(seen["CapEff"], user[0] == '\0' ? "00000000a80405fb" : "0000000000000000");
        }
    }
}

// no_new_privs holds over the image's set-user-id programs.
TEST_F(EscapeIdentity, SetUserIdProgramsGiveNothingUnderNoNewPrivileges) {
    ContainerSpec wanted = spec({"/bin/escalate", "id", "-u"});
    fs::create_directories(wanted.root.upper + "/bin");
    fs::copy_file(image() + "/bin/busybox", wanted.root.upper + "/bin/busybox");
    fs::copy_file(image() + "/bin/stack-payload", wanted.root.upper + "/bin/escalate");
    ASSERT_EQ(::chmod((wanted.root.upper + "/bin/escalate").c_str(), 04755), 0);
    wanted.process.args = {"/bin/escalate", "facts"};
    wanted.process.user = "1000";
    const auto effective_uid = [&] {
        const json seen = json::parse(run(wanted).out, nullptr, false);
        return seen.is_object() ? seen.value("Uid", "") : "";
    };
    EXPECT_EQ(effective_uid(), "1000\t0\t0\t0");
    wanted.process.no_new_privileges = true;
    EXPECT_EQ(effective_uid(), "1000\t1000\t1000\t1000");
}

}  // namespace
}  // namespace stack::test
