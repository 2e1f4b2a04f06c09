// The built program against images and neighbours: its own file, its store, its sockets, the names that it takes.
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;
using testing::Not;

/// The programs run from copies, so that one which did get overwritten is not the build's.
class EscapeProgram : public StackTest {
  protected:
    void SetUp() override {
        for (const char* name : {"stack", "stack-keeper", "stack-init", "stack-image"})
            fs::copy_file(program_path(name), copies_.file(name));
        ::setenv("STACK_PROGRAM", copies_.file("stack").c_str(), 1);
        StackTest::SetUp();
    }
    void TearDown() override {
        StackTest::TearDown();
        ::unsetenv("STACK_PROGRAM");
        for (const char* name : {"stack", "stack-keeper", "stack-init", "stack-image"})
            EXPECT_EQ(head(copies_.file(name)), head(program_path(name))) << name << " has changed";
    }

  private:
    static std::string head(const std::string& path) {
        const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        std::string bytes(4096, '\0');
        bytes.resize(
            static_cast<std::size_t>(std::max<ssize_t>(0, ::read(file.get(), bytes.data(), bytes.size()))));
        return bytes;
    }
    TempDir copies_;
};
using EscapeHost = StackTest;

// CVE-2019-5736, CVE-2022-0847. As published: the command is a script whose interpreter is /proc/self/exe, and the image's
// dynamic linker is the attacker's.
TEST_F(EscapeProgram, CantBeOverwrittenByAnImageThatExecutesIt) {
    stack().write("evil/entry", "#!/proc/self/exe\n", 0755);
    fs::copy_file(test_program_path("stack-forged-loader"), stack().dirs().project_dir() + "/evil/loader");
    up(R"(
x-traps: &traps
  image: payload
  volumes:
    - ./evil:/evil
    - ./evil/loader:/lib64/ld-linux-x86-64.so.2
    - ./evil/loader:/lib/ld-linux-aarch64.so.1
services:
  started: {<<: *traps, command: [/evil/entry]}
  joined: {<<: *traps, command: [stack-payload, sleep]}
  privileged: {<<: *traps, command: [/evil/entry], privileged: true}
)");
    EXPECT_TRUE(reaches("started", "exited"));
    EXPECT_TRUE(reaches("privileged", "exited"));
    const auto refused = AnyOf(Eq("EROFS\n"), Eq("ETXTBSY\n"), Eq("EPERM\n"));
    EXPECT_THAT(logs("started"), refused);
    EXPECT_THAT(logs("privileged"), refused);
    for (int i = 0; i < 3; ++i) EXPECT_THAT(exec("joined", {"/evil/entry"}).out, refused);
}

// CVE-2021-41091, CVE-2021-41103, CVE-2024-25621.
TEST_F(EscapeHost, NobodyElseCanReachTheStore) {
    up("services: {web: {image: payload, command: [stack-payload, sleep]}}");
    for (const std::string& top : {stack().dirs().root(), stack().dirs().run_root()}) {
        struct stat info {};
        ASSERT_EQ(::stat(top.c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 07777, 0700u) << top;
        for (const auto& entry : fs::directory_iterator{top}) {
            ASSERT_EQ(::lstat(entry.path().c_str(), &info), 0);
            EXPECT_EQ(info.st_mode & 077, 0u) << entry.path();
        }
    }
    const std::string project = stack().dirs().root() + "/projects/" + stack().project();
    int states = 0;
    for (const auto& entry : fs::recursive_directory_iterator{project}) {
        const std::string name = entry.path().filename();
        if (name != "state.json" && name != "record.json" && name != "project.json") continue;
        struct stat info {};
        ASSERT_EQ(::lstat(entry.path().c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 077, 0u) << entry.path();
        ++states;
    }
    EXPECT_EQ(states, 3);
}

// CVE-2020-15257: a path below a private directory, never the abstract namespace, and who connects is looked at.
TEST_F(EscapeHost, ControlSocketIsAPathAndServesItsOwnerOnly) {
    up("services: {web: {image: payload, command: [stack-payload, sleep]}}");
    const std::string run = stack().dirs().run_root() + "/" + stack().project();
    struct stat info {};
    ASSERT_EQ(::lstat((run + "/control.sock").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode, static_cast<mode_t>(S_IFSOCK | 0600));
    ASSERT_EQ(::stat(run.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
    std::string abstract;
    for (const char* word : {"@stack", "@keeper", "@control"})
        if (read_file("/proc/net/unix").find(word) != std::string::npos) abstract += word;
    EXPECT_EQ(abstract, "");

    // Even where a mistake has opened the way, another user gets no word out of it.
    TempDir open_way;
    const std::string door = open_way.file("door");
    fs::create_hard_link(run + "/control.sock", door);
    ASSERT_EQ(::chmod(open_way.path().c_str(), 0711), 0);
    ASSERT_EQ(::chmod(door.c_str(), 0666), 0);
    const auto answer_to = [&](uid_t user) {
        Pipe answer = make_pipe();
        const pid_t child = ::fork();
        if (child == 0) {
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            door.copy(address.sun_path, sizeof address.sun_path - 1);
            const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (::setresuid(user, user, user) != 0 ||
                ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
                ::_exit(1);
            constexpr std::string_view kRequest =
                "GET /v1/ps HTTP/1.1\r\nHost: stack\r\nConnection: close\r\n\r\n";
            char text[4096];
            if (::send(socket, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) ::_exit(0);
            for (ssize_t got; (got = ::read(socket, text, sizeof text)) > 0;)
                if (::write(answer.write.get(), text, static_cast<std::size_t>(got)) < 0) ::_exit(1);
            ::_exit(0);
        }
        answer.write.reset();
        std::string text;
        char part[4096];
        for (ssize_t got; (got = ::read(answer.read.get(), part, sizeof part)) > 0;)
            text.append(part, static_cast<std::size_t>(got));
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        return text;
    };
    EXPECT_THAT(answer_to(65534), Not(HasSubstr("HTTP/1.1 2")));
    EXPECT_THAT(answer_to(0), HasSubstr("HTTP/1.1 "));
    fs::remove(door);
}

// What a user or a file calls something never becomes a path.
TEST_F(EscapeHost, NamesAreNotPaths) {
    stack().compose("services: {web: {image: payload, command: [stack-payload, sleep]}}");
    for (const char* name : {"..", ".", "../escape", "a/b", "/etc", "a\n", "-rf", ""}) {
        const Outcome outcome = stack().run({"--project-name=" + std::string{name}, "up", "-d"});
        if (name[0] == '\0') continue;  // an empty name is none: the directory's is taken
        EXPECT_NE(outcome.exit_code, 0) << name;
        EXPECT_FALSE(fs::exists(stack().dirs().root() + "/projects/../escape"));
    }
    stack().compose(
        "services: {web: {image: payload, container_name: ../../escape, command: [stack-payload, sleep]}}");
    EXPECT_NE(stack().run({"up", "-d"}).exit_code, 0);
    stack().compose("services: {../web: {image: payload, command: [stack-payload, sleep]}}");
    EXPECT_NE(stack().run({"up", "-d"}).exit_code, 0);
}

}  // namespace
}  // namespace stack::test
