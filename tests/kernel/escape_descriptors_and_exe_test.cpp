// What a container could get hold of that is the runtime's: its descriptors, its program, its memory.
#include "runtime/base/path_at.hpp"
#include "tests/kernel/escape_fixture.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

/// Descriptors that a careless caller has left open over exec, the host's root among them.
class LeakedDescriptors {
  public:
    LeakedDescriptors() {
        for (const char* path : {"/", "/sys/fs/cgroup"}) {
            const UniqueFd file{::open(path, O_RDONLY | O_CLOEXEC)};
            if (!file.valid()) continue;
            for (const int from : {3, 7, 900})
                leaked_.emplace_back(::fcntl(file.get(), F_DUPFD, from));  // not close-on-exec, on purpose
        }
    }
    [[nodiscard]] const std::vector<UniqueFd>& all() const { return leaked_; }

  private:
    std::vector<UniqueFd> leaked_;
};

class EscapeDescriptors : public EscapeTest {
  protected:
    static std::vector<std::string> descriptors_of(const ContainerRun& result) {
        const json seen = json::parse(result.out, nullptr, false);
        EXPECT_TRUE(seen.is_object()) << result.error << result.out;
        return seen.is_object() ? seen["fds"].get<std::vector<std::string>>() : std::vector<std::string>{};
    }
};

// CVE-2024-21626: launch and exec, whatever this process holds.
TEST_F(EscapeDescriptors, NoneIsInheritedByLaunchOrExec) {
    const LeakedDescriptors leaked;
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    for (const std::vector<std::string>& held :
         {descriptors_of(run(spec({"stack-payload", "facts"}))),
          descriptors_of(exec(container.handle(), process({"stack-payload", "facts"})))}) {
        ASSERT_EQ(held.size(), 3u);
        EXPECT_EQ(held[0], "/dev/null");
        EXPECT_THAT(held[1], testing::StartsWith("pipe:"));
        EXPECT_THAT(held[2], testing::StartsWith("pipe:"));
    }
    EXPECT_EQ(list_directory(fmt::format("/proc/{}/fd", container.pid())).size(), 3u);
}

TEST_F(EscapeDescriptors, WorkingDirectoryIsNeverBehindADescriptor) {
    const LeakedDescriptors leaked;
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    std::vector<std::string> directories{"/proc/self/cwd", "/proc/1/cwd", "/proc/self/root", "/proc/1/root",
                                         "/proc/thread-self/root/etc"};
    for (const UniqueFd& fd : leaked.all())
        for (const char* form :
             {"/proc/self/fd/{}", "/proc/1/fd/{}", "/dev/fd/{}", "/proc/thread-self/fd/{}/."})
            directories.push_back(fmt::format(fmt::runtime(form), fd.get()));
    for (const std::string& directory : directories) {
        ContainerSpec wanted = spec({"pwd"});
        wanted.process.cwd = directory;
        EXPECT_THAT(run(wanted).error, HasSubstr("changing to directory")) << directory;
        ProcessSpec joining = process({"pwd"});
        joining.cwd = directory;
        EXPECT_THAT(exec(container.handle(), joining).error, HasSubstr("changing to directory")) << directory;
    }
}

// CVE-2019-5736: the image names the runtime's own program as its command, by every name that it has.
TEST_F(EscapeDescriptors, OwnProgramIsNoCommandOfAnExecEither) {
    const PendingProcess& container = start(spec({"sleep", "1000"}));
    for (const char* name : {"/proc/self/exe", "/proc/thread-self/exe", "/dev/../proc/self/exe"})
        EXPECT_EQ(exec(container.handle(), process({name, "--gtest_filter=none"})).exit_code, 126) << name;
    const std::string root = fmt::format("/proc/{}/root", container.pid());
    fs::create_symlink("/proc/self/exe", root + "/bin/entry");
    EXPECT_EQ(exec(container.handle(), process({"entry"})).exit_code, 126);
}

// CVE-2016-9962, CVE-2019-5736: somebody in the container looks at every process it can see while others join it. It must
// see the program of the image and three descriptors, and never what the joining process was before.
TEST_F(EscapeDescriptors, JoiningProcessesShowNothingOfTheRuntime) {
    Pipe output = make_pipe();
    LaunchFds fds;
    fds.out = output.write.get();
    PendingProcess container = begin_launch(spec({"stack-payload", "spy"}), fds, {}, facts());
    output.write.reset();
    container.wait_until_started();
    const UniqueFd secret{::open(flag().c_str(), O_RDONLY)};  // in our table, not close-on-exec
    for (int i = 0; i < 40; ++i) EXPECT_EQ(exec(container.handle(), process({"true"})).error, "");
    EXPECT_EQ(exec(container.handle(), process({"sleep", "1"})).error,
              "");  // on a busy machine it looks seldom
    container.handle().signal(SIGTERM);
    const std::string seen = read_until_end(output.read.get());
    EXPECT_EQ(exit_code_of_status(wait_for_exit(container.handle())), 0);
    EXPECT_THAT(seen, HasSubstr("exe /bin/busybox\n"));  // it has looked
    EXPECT_THAT(seen, Not(HasSubstr("_test")));
    EXPECT_THAT(seen, Not(HasSubstr("memfd")));
    EXPECT_THAT(seen, Not(HasSubstr("socket:")));
    EXPECT_THAT(seen, Not(HasSubstr("anon_inode:")));
    EXPECT_THAT(seen, Not(HasSubstr(dir().path())));
    EXPECT_THAT(seen, Not(HasSubstr("writable")));
    EXPECT_THAT(seen, Not(HasSubstr("foreign")));  // it has joined before it can be seen
}

// What the container may keep of the program that started it can't be written, even after it has ended.
TEST_F(EscapeDescriptors, OwnProgramCantBeReachedThroughProcOfTheFirstProcess) {
    const ContainerRun result = run(
        spec({"sh", "-c", "readlink /proc/1/exe; ls -l /proc/1/fd | grep -c ' -> '; cat /proc/1/environ"}));
    EXPECT_THAT(result.out, HasSubstr("/bin/busybox\n"));
    EXPECT_THAT(result.out, Not(HasSubstr(dir().path())));
    EXPECT_THAT(result.out, Not(HasSubstr("LD_LIBRARY_PATH")));
}

}  // namespace
}  // namespace stack::test
