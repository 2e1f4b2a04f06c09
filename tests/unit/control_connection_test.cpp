// The client's connection against a server of a few lines: what it sends, and how it takes answers that are odd.
#include "manager/control/control_client.hpp"
#include "manager/control/protocol.hpp"
#include "runtime/base/error.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <span>
#include <thread>

#include <gtest/gtest.h>

namespace stack::control {
namespace {

class ControlConnectionTest : public ::testing::Test {
  protected:
    void SetUp() override {
        directory_ = ::testing::TempDir() + "control_" + std::to_string(::getpid());
        std::filesystem::create_directories(directory_);
        listen_at(directory_ + "/control.sock");
    }
    void TearDown() override {
        if (server_.joinable()) server_.join();
        std::filesystem::remove_all(directory_);
    }

    void listen_at(const std::string& path) {
        path_ = path;
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(listener_.get(), 1), 0);
    }

    /// Takes one request, answers, with descriptors if there are any, and closes.
    void answer(std::string text, int fd = -1) {
        server_ = std::thread{[this, text = std::move(text), fd] {
            const UniqueFd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            char buffer[4096];
            const ssize_t got = ::recv(client.get(), buffer, sizeof buffer, 0);
            request_.assign(buffer, static_cast<std::size_t>(got));
            send_with_fds(client.get(), std::as_bytes(std::span{text}), {&fd, fd >= 0 ? 1u : 0u});
        }};
    }

    std::string directory_, path_, request_;
    UniqueFd listener_;
    std::thread server_;
};

TEST_F(ControlConnectionTest, NobodyThereIsNoError) {
    EXPECT_FALSE(ControlConnection::connect(directory_ + "/nothing.sock").has_value());
    EXPECT_FALSE(ControlConnection::connect(directory_ + "/nowhere/control.sock").has_value());
    listener_.reset();  // the file stays, as after a kill -9
    EXPECT_FALSE(ControlConnection::connect(path_).has_value());
}

TEST_F(ControlConnectionTest, ReachesSocketsBehindLongPaths) {
    const std::string deep = directory_ + "/" + std::string(120, 'd');
    std::filesystem::create_directories(deep);
    std::filesystem::rename(path_, deep + "/control.sock");
    EXPECT_TRUE(ControlConnection::connect(deep + "/control.sock").has_value());
}

TEST_F(ControlConnectionTest, SendsWhatCurlWouldSend) {
    answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    std::optional<ControlConnection> connection = ControlConnection::connect(path_);
    ASSERT_TRUE(connection.has_value());
    connection->send_request("POST", "/v1/down", "{\"options\":{}}");
    connection->expect_status(200);
    EXPECT_EQ(connection->read_body(), "{}");
    server_.join();
    EXPECT_EQ(
        request_,
        "POST /v1/down HTTP/1.1\r\nHost: stack\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "Content-Length: 14\r\n\r\n{\"options\":{}}");
}

TEST_F(ControlConnectionTest, ThrowsTheErrorThatTheServerSays) {
    ResultEvent refused{false, 1, {Error{ErrorKind::not_found, "no such thing"}}};
    const std::string body = to_json(StreamEvent{refused});
    answer("HTTP/1.1 400 Bad Request\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    try {
        get(path_, "/v1/thing");
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::not_found);
        EXPECT_EQ(error.message(), "no such thing");
    }
}

TEST_F(ControlConnectionTest, AServerThatDiesLeavesABrokenStreamNotAHang) {
    answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
    std::optional<ControlConnection> connection = ControlConnection::connect(path_);
    connection->send_request("GET", "/v1/events");
    std::vector<std::string> lines;
    while (connection->receive()) {
    }
    while (const auto line = connection->take_line()) lines.push_back(*line);
    EXPECT_EQ(lines, std::vector<std::string>{"one"});
    EXPECT_TRUE(connection->broken());
    EXPECT_FALSE(connection->receive());
}

TEST_F(ControlConnectionTest, KeepsDescriptorsThatComeWithTheHeaders) {
    Pipe pipe = make_pipe();
    answer(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: stack-exec\r\n\r\n{\"event\":\"started\",\"pid\":1}\n",
        pipe.write.get());
    std::optional<ControlConnection> connection = ControlConnection::connect(path_);
    connection->send_request("POST", "/v1/exec", "{}", "stack-exec");
    connection->expect_status(101);
    ControlConnection::Upgraded upgraded = std::move(*connection).take_upgraded();
    EXPECT_EQ(upgraded.first_bytes, "{\"event\":\"started\",\"pid\":1}\n");
    ASSERT_EQ(upgraded.first_fds.size(), 1u);
    server_.join();
    pipe.write.reset();
    write_all(upgraded.first_fds[0].get(), "through", "pipe");
    upgraded.first_fds.clear();
    EXPECT_EQ(read_all(pipe.read.get(), "pipe"), "through");
}

}  // namespace
}  // namespace stack::control
