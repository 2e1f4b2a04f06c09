// Terminals, descriptors and sockets that pass through the runtime.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/kernel/oci_fixture.hpp"
#include "tests/support/eventually.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kTerminal =
    R"({"process": {"terminal": true, "consoleSize": {"height": 31, "width": 97}}})";

// The next descriptor that arrives, and the name it comes with.
std::pair<UniqueFd, std::string> receive_descriptor(const UniqueFd& listener) {
    pollfd entry{listener.get(), POLLIN, 0};
    if (::poll(&entry, 1, 30'000) <= 0) return {};
    const UniqueFd connection{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    ReceivedMessage message = receive_with_fds(connection.get(), 4096);
    if (message.fds.size() != 1) return {};
    return {std::move(message.fds.front()),
            std::string{reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()}};
}

// What a terminal prints, up to `end` or the last process's end.
std::string read_terminal(int master, const std::string& end) {
    std::string text;
    char buffer[1024];
    while (text.find(end) == std::string::npos) {
        pollfd entry{master, POLLIN, 0};
        if (::poll(&entry, 1, 30'000) <= 0) break;
        const ssize_t got = ::read(master, buffer, sizeof buffer);
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}

class OciStreams : public OciTest {};

TEST_F(OciStreams, SendsTheTerminalToTheConsoleSocket) {
    const UniqueFd console = unix_socket(dir().file("console"), SOCK_STREAM);
    must({"create", "--console-socket", dir().file("console"), "--bundle",
          bundle({"sh", "-c", "stty size; tty; test -e /dev/console && echo console; sleep 1000"}, kTerminal),
          "one"});
    auto [master, name] = receive_descriptor(console);
    ASSERT_TRUE(master.valid());
    EXPECT_EQ(name, "/dev/ptmx");
    must({"start", "one"});
    const std::string text = read_terminal(master.get(), "console\r\n");
    EXPECT_THAT(text, HasSubstr("31 97\r\n"));
    EXPECT_THAT(text, HasSubstr("console\r\n"));
    EXPECT_EQ(::write(master.get(), "\x03", 1), 1);
}

TEST_F(OciStreams, AsksForAConsoleSocketOnlyWhereOneIsNeeded) {
    EXPECT_THAT(refusal({"create", "--bundle", bundle({"true"}, kTerminal), "one"}),
                HasSubstr("cannot allocate tty if the runtime will detach without setting console socket"));
    EXPECT_THAT(refusal({"run", "-d", "--bundle", bundle({"true"}, kTerminal), "one"}),
                HasSubstr("cannot allocate tty"));
    EXPECT_THAT(refusal({"create", "--console-socket", "/x", "--bundle", bundle({"true"}), "one"}),
                HasSubstr("cannot use console socket"));
    EXPECT_THAT(
        refusal({"create", "--console-socket", "/no/such", "--bundle", bundle({"true"}, kTerminal), "one"}),
        HasSubstr("connect to the console socket /no/such"));
    EXPECT_TRUE(gone("one"));
}

TEST_F(OciStreams, RelaysATerminalInTheForeground) {
    int master = -1, slave = -1;
    winsize size{40, 123, 0, 0};
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
    const UniqueFd ours{master}, theirs{slave};
    OciCall call{{"run", "--bundle",
                  bundle({"sh", "-c", "stty size; read line; echo \"got $line\"; read line; exit 6"},
                         R"({"process": {"terminal": true}})"),
                  "one"}};
    call.terminal = theirs.get();
    OciCommand run = begin(call);
    EXPECT_THAT(read_terminal(ours.get(), "40 123"), HasSubstr("40 123"));
    EXPECT_EQ(::write(ours.get(), "hello\n", 6), 6);
    EXPECT_THAT(read_terminal(ours.get(), "got hello"), HasSubstr("got hello"));
    // The end comes when all was read: the exit of a session's leader hangs its terminal up, and the kernel throws away then what
    // its work queue has not brought to the master yet (pty_flush_buffer), which on a busy host is the last line.
    EXPECT_EQ(::write(ours.get(), "\n", 1), 1);
    EXPECT_EQ(run.wait().code, 6);
    termios after{};
    EXPECT_EQ(::tcgetattr(theirs.get(), &after), 0);
    EXPECT_NE(after.c_lflag & ECHO, 0u);  // it is as it was
}

TEST_F(OciStreams, SendsAPidfd) {
    const UniqueFd socket = unix_socket(dir().file("pidfd"), SOCK_STREAM);
    must({"create", "--pidfd-socket", dir().file("pidfd"), "--bundle", bundle({"stack-payload", "sleep"}),
          "one"});
    auto [pidfd, name] = receive_descriptor(socket);
    ASSERT_TRUE(pidfd.valid());
    EXPECT_THAT(read_file(fmt::format("/proc/self/fdinfo/{}", pidfd.get())),
                HasSubstr(fmt::format("Pid:\t{}\n", state("one")["pid"].dump())));
}

TEST_F(OciStreams, PassesOnTheDescriptorsThatAreAskedFor) {
    const Pipe three = make_pipe(), four = make_pipe(), five = make_pipe();
    OciCall call{{"run", "--preserve-fds", "2", "--bundle",
                  bundle({"sh", "-c", "echo three >&3; echo four >&4; ls /proc/self/fd"}), "one"}};
    call.fds = {three.write.get(), four.write.get(), five.write.get()};
    const OciResult result = this->call(call);
    EXPECT_EQ(result.out, "0\n1\n2\n3\n4\n5\n") << result.err;  // 5 is the directory that ls reads
    char buffer[16];
    EXPECT_EQ(::read(three.read.get(), buffer, sizeof buffer), 6);
    EXPECT_EQ(::read(four.read.get(), buffer, sizeof buffer), 5);
    EXPECT_THAT(refusal({"run", "--preserve-fds", "3", "--bundle", bundle({"true"}), "one"}),
                HasSubstr("descriptor 3 is to be preserved and is not open"));
}

TEST_F(OciStreams, PassesOnSystemdsSockets) {
    const Pipe three = make_pipe();
    OciCall call{{"run", "--bundle",
                  bundle({"sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $$; ls /proc/self/fd"}), "one"}};
    call.fds = {three.write.get()};
    call.env = {{"LISTEN_FDS", "1"}};
    EXPECT_EQ(this->call(call).out, "1 1 1\n0\n1\n2\n3\n4\n");
    call.env["LISTEN_PID"] = "1";  // meant for another process
    EXPECT_EQ(this->call(call).out, "1\n0\n1\n2\n3\n");
}

TEST_F(OciStreams, PassesOnReadiness) {
    const UniqueFd host = unix_socket(dir().file("host.sock"), SOCK_DGRAM);
    OciCall create{{"create", "--bundle", bundle({"stack-payload", "notify"}), "one"}};
    create.env = {{"NOTIFY_SOCKET", dir().file("host.sock")}};
    ASSERT_EQ(call(create).code, 0);
    OciCall start{{"start", "one"}};
    start.env = create.env;
    EXPECT_EQ(call(start).code, 0);
    char buffer[256];
    const ssize_t got = ::recv(host.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    ASSERT_GT(got, 0);
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(got)),
              fmt::format("READY=1\nMAINPID={}", state("one")["pid"].dump()));
}

TEST_F(OciStreams, PassesOnReadinessOfWhatItRuns) {
    const UniqueFd host = unix_socket(dir().file("host.sock"), SOCK_DGRAM);
    OciCall run{{"run", "-d", "--bundle", bundle({"stack-payload", "notify"}), "one"}};
    run.env = {{"NOTIFY_SOCKET", dir().file("host.sock")}};
    ASSERT_EQ(call(run).code, 0);
    char buffer[256];
    const ssize_t got = ::recv(host.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    ASSERT_GT(got, 0);
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(got)),
              fmt::format("READY=1\nMAINPID={}", state("one")["pid"].dump()));
}

}  // namespace
}  // namespace stack::test
