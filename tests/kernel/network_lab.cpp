#include "network_lab.hpp"

#include "network/namespace.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/network_namespace.hpp"
#include "runtime/base/path_at.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include <fmt/format.h>

namespace stack::network::lab {

bool eventually(const std::function<bool()>& check, std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!check()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

std::string shell(const std::string& command, int netns) {
    SpawnOptions options;
    options.argv = {"/bin/sh", "-c", command + " 2>&1"};
    CommandResult result;
    const auto run = [&] { result = run_command(options, 10000); };
    if (netns >= 0) {
        in_network_namespace(netns, run);
    } else {
        run();
    }
    return result.out;
}

namespace {

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address address_of(const std::string& text, std::uint16_t port) {
    Address result;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        result.size = sizeof *v4;
    } else if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        result.size = sizeof *v6;
    } else {
        throw Error{ErrorKind::invalid_input, text};
    }
    return result;
}

std::string name_of(const Address& address) {
    std::array<char, NI_MAXHOST> host{};
    ::getnameinfo(address.get(), address.size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST);
    return host.data();
}

UniqueFd socket_in(int netns, const Address& address, int type) {
    UniqueFd socket;
    in_network_namespace(netns,
                         [&] { socket.reset(::socket(address.storage.ss_family, type | SOCK_CLOEXEC, 0)); });
    if (!socket.valid()) throw_errno("socket");
    return socket;
}

bool wait_readable(int fd, std::chrono::milliseconds limit) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, static_cast<int>(limit.count())) > 0;
}

std::string word_of(int err) {
    if (err == ECONNREFUSED) return "refused";
    if (err == EINPROGRESS || err == EAGAIN || err == ETIMEDOUT) return "timeout";
    if (err == ENETUNREACH || err == EHOSTUNREACH) return "unreachable";
    return errno_name(err);
}

void limit_waits(int socket, std::chrono::milliseconds limit) {
    const timeval time{limit.count() / 1000, limit.count() % 1000 * 1000};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

std::string read_line(int socket) {
    std::string line;
    char c = 0;
    for (;;) {
        const ssize_t got = ::recv(socket, &c, 1, 0);
        if (got < 0) return word_of(errno);
        if (got == 0 || c == '\n') return line;
        line += c;
    }
}

}  // namespace

Server::Server(int netns, const std::string& address, std::uint16_t port, std::string greeting, bool udp)
    : stop_{make_pipe()}, greeting_{std::move(greeting)} {
    const Address where = address_of(address, port);
    socket_ = socket_in(netns, where, udp ? SOCK_DGRAM : SOCK_STREAM);
    const int on = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(socket_.get(), where.get(), where.size) != 0) throw_errno("bind");
    if (!udp && ::listen(socket_.get(), 64) != 0) throw_errno("listen");
    thread_ = std::thread{[this, udp] { udp ? serve_udp() : serve_tcp(); }};
}

Server::~Server() {
    stop_.write.reset();
    thread_.join();
}

void Server::serve_tcp() {
    std::vector<std::thread> talks;
    for (;;) {
        std::array<pollfd, 2> entries{{{socket_.get(), POLLIN, 0}, {stop_.read.get(), POLLIN, 0}}};
        ::poll(entries.data(), entries.size(), -1);
        if (entries[1].revents) break;
        Address peer;
        peer.size = sizeof peer.storage;
        UniqueFd client{
            ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size, SOCK_CLOEXEC)};
        if (!client.valid()) continue;
        talks.emplace_back([this, peer, fd = client.release()] {
            const UniqueFd talk{fd};
            limit_waits(fd, 10s);
            const std::string hello = fmt::format("{} FROM {}\n", greeting_, name_of(peer));
            ::send(fd, hello.data(), hello.size(), MSG_NOSIGNAL);
            std::array<char, 65536> buffer;
            for (;;) {
                const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
                if (got <= 0) return;
                ssize_t sent = 0;
                while (sent < got) {
                    const ssize_t n =
                        ::send(fd, buffer.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
                    if (n <= 0) return;
                    sent += n;
                }
            }
        });
    }
    for (std::thread& talk : talks) talk.join();
}

void Server::serve_udp() {
    for (;;) {
        std::array<pollfd, 2> entries{{{socket_.get(), POLLIN, 0}, {stop_.read.get(), POLLIN, 0}}};
        ::poll(entries.data(), entries.size(), -1);
        if (entries[1].revents) break;
        Address peer;
        peer.size = sizeof peer.storage;
        std::array<char, 2048> buffer;
        if (::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                       reinterpret_cast<sockaddr*>(&peer.storage), &peer.size) < 0)
            continue;
        const std::string hello = fmt::format("{} FROM {}\n", greeting_, name_of(peer));
        ::sendto(socket_.get(), hello.data(), hello.size(), 0, peer.get(), peer.size);
    }
}

std::string ask_tcp(int netns, const std::string& address, std::uint16_t port,
                    std::chrono::milliseconds limit) {
    const Address where = address_of(address, port);
    const UniqueFd socket = socket_in(netns, where, SOCK_STREAM);
    limit_waits(socket.get(), limit);
    if (::connect(socket.get(), where.get(), where.size) != 0) return word_of(errno);
    return read_line(socket.get());
}

std::string ask_udp(int netns, const std::string& address, std::uint16_t port,
                    std::chrono::milliseconds limit) {
    const Address where = address_of(address, port);
    const UniqueFd socket = socket_in(netns, where, SOCK_DGRAM);
    if (::connect(socket.get(), where.get(), where.size) != 0) return word_of(errno);
    if (::send(socket.get(), "hello\n", 6, MSG_NOSIGNAL) < 0) return word_of(errno);
    if (!wait_readable(socket.get(), limit)) return "timeout";
    std::array<char, 2048> buffer;
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return word_of(errno);
    return std::string{buffer.data(), static_cast<std::size_t>(got > 0 ? got - 1 : 0)};
}

UniqueFd connect_tcp(int netns, const std::string& address, std::uint16_t port) {
    const Address where = address_of(address, port);
    UniqueFd socket = socket_in(netns, where, SOCK_STREAM);
    limit_waits(socket.get(), 10s);
    if (::connect(socket.get(), where.get(), where.size) != 0) throw_errno("connect");
    return socket;
}

EndpointSpec seat_on(const std::string& network) {
    EndpointSpec seat;
    seat.network = network;
    return seat;
}

void HostLab::SetUp() {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) GTEST_SKIP() << "needs its own namespaces";
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    std::string name = "/tmp/stack-network-test.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    // The pins lie on a tmpfs of this mount namespace: they can't be left behind.
    ASSERT_EQ(::mount("test", name.c_str(), "tmpfs", 0, nullptr), 0);
    host_ = current_network_namespace();
    lan_ = make_namespace({});
    set_up_loopback();
    // The host of these tests must not change by itself: no address that is "tentative" for its first second.
    write_sysctl("ipv6/conf/default/accept_dad", "0");
    Links links;
    VethOptions pair;
    pair.name = "eth0";
    pair.peer_name = "eth0";
    pair.peer_namespace = lan_.get();
    links.create_veth(pair);
    links.configure({"eth0", InterfaceAddress{*Ipv4::parse(kHostIp), 24}, Ipv4::parse("192.0.2.1")});
    Links::in(lan_.get())
        .configure({"eth0", InterfaceAddress{*Ipv4::parse(kLanIp), 24}, Ipv4::parse(kHostIp)});
    ASSERT_TRUE(eventually([&] { return links.ready("eth0"); }));
    // Even so the kernel adds the link-local address's own route a moment later, from a work queue.
    if (read_sysctl("ipv6/conf/eth0/disable_ipv6") == "0") {
        const auto has_route = [] {
            return shell("ip -6 route show table local dev eth0").find("local fe80:") != std::string::npos;
        };
        ASSERT_TRUE(eventually(has_route));
    }
}

void HostLab::TearDown() {
    if (directory_.empty()) return;
    EXPECT_EQ(::umount2(directory_.c_str(), MNT_DETACH), 0);
    EXPECT_EQ(::rmdir(directory_.c_str()), 0);
}

HubOptions HostLab::options(const std::string& project) const {
    HubOptions result;
    result.project = project;
    result.data_directory = directory_ + "/data";
    result.run_directory = directory_ + "/run/" + project;
    make_directories(result.run_directory);
    return result;
}

HostLab::Container HostLab::make_container(Hub& hub, const std::string& id,
                                           const std::vector<std::string>& networks) {
    std::vector<EndpointSpec> seats;
    seats.reserve(networks.size());
    for (const std::string& network : networks) seats.push_back(seat_on(network));
    Container result;
    result.seats = hub.allocate(id, std::move(seats));
    result.net = hub.make_endpoint(result.seats);
    return result;
}

std::string HostLab::host_state() const {
    return shell(
        fmt::format("ip -o link; ip -o addr; ip route show table all; nft list ruleset; "
                    "grep -F {0} /proc/self/mounts; find {0} -type f ! -name '*.lock' | sort",
                    directory_));
}

}  // namespace stack::network::lab
