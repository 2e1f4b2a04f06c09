#include "network/dns_upstream.hpp"

#include "network/async_socket.hpp"
#include "network/dns_message.hpp"
#include "network/dns_server.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <errno.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

namespace stack::network {

namespace {

constexpr int kRounds = 2;
constexpr std::size_t kMaxMessage = 65535;
constexpr std::size_t kMaxServers = 3;  // MAXNS of resolv.conf(5)

void give_random_id(DnsBytes& message) {
    if (::getrandom(message.data(), 2, 0) != 2) throw_errno("getrandom");
}

UniqueFd connect_to(const SocketAddress& server, int type) {
    UniqueFd socket{::socket(server.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket.valid()) return socket;
    if (::connect(socket.get(), server.get(), server.size()) != 0 && errno != EINPROGRESS) socket.reset();
    return socket;
}

bool is_truncated(const DnsBytes& message) {
    return message.size() > 2 && (message[2] & 0x02) != 0;
}

Task<std::optional<DnsBytes>> ask_by_udp(EventLoop& loop, SocketAddress server, DnsBytes query,
                                         std::chrono::milliseconds patience) {
    UniqueFd fd = connect_to(server, SOCK_DGRAM);
    if (!fd.valid() || ::send(fd.get(), query.data(), query.size(), MSG_NOSIGNAL) < 0) co_return std::nullopt;
    AsyncSocket socket{loop, std::move(fd)};
    const Clock::time_point until = Clock::now() + patience;
    DnsBytes answer;
    for (;;) {
        const bool ready = co_await socket.readable(until);
        if (!ready) co_return std::nullopt;
        answer.resize(kMaxMessage);
        const ssize_t got = ::recv(socket.get(), answer.data(), answer.size(), 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR) co_return std::nullopt;  // refused, unreachable
        answer.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        if (dns::answers(answer, query)) co_return answer;  // anything else is somebody's guess: wait on
    }
}

Task<std::optional<DnsBytes>> ask_by_tcp(EventLoop& loop, SocketAddress server, DnsBytes query,
                                         std::chrono::milliseconds patience) {
    UniqueFd fd = connect_to(server, SOCK_STREAM);
    if (!fd.valid()) co_return std::nullopt;
    AsyncSocket socket{loop, std::move(fd)};
    const Clock::time_point until = Clock::now() + patience;
    const bool connected = co_await socket.writable(until);
    if (!connected) co_return std::nullopt;
    const DnsBytes message = dns::framed(query);
    const bool sent = co_await socket.write_all(message, until);
    if (!sent) co_return std::nullopt;
    std::array<std::uint8_t, 2> size{};
    const bool sized = co_await socket.read_exactly(size, until);
    if (!sized) co_return std::nullopt;
    DnsBytes answer(static_cast<std::size_t>(size[0] << 8 | size[1]));
    const bool complete = co_await socket.read_exactly(answer, until);
    if (!complete || !dns::answers(answer, query)) co_return std::nullopt;
    co_return answer;
}

Task<std::optional<DnsBytes>> ask_one(EventLoop& loop, SocketAddress server, DnsBytes query, bool over_tcp,
                                      std::chrono::milliseconds patience) {
    std::optional<DnsBytes> answer;
    if (!over_tcp) {
        answer = co_await ask_by_udp(loop, server, query, patience);
        if (!answer || !is_truncated(*answer)) co_return answer;
    }
    std::optional<DnsBytes> whole = co_await ask_by_tcp(loop, server, query, patience);
    if (whole) co_return whole;
    co_return answer;  // better cut than nothing
}

}  // namespace

Task<std::optional<DnsBytes>> ask_upstream(EventLoop& loop, std::vector<SocketAddress> servers,
                                           DnsBytes query, bool over_tcp,
                                           std::chrono::milliseconds patience) {
    if (query.size() < 2) co_return std::nullopt;
    const std::array<std::uint8_t, 2> id{query[0], query[1]};
    for (int round = 0; round < kRounds; ++round) {
        for (const SocketAddress& server : servers) {
            give_random_id(query);
            std::optional<DnsBytes> answer = co_await ask_one(loop, server, query, over_tcp, patience);
            if (!answer) continue;
            (*answer)[0] = id[0];
            (*answer)[1] = id[1];
            co_return answer;
        }
    }
    co_return std::nullopt;
}

const std::vector<std::string>& HostResolvers::addresses() {
    struct stat info {};
    if (::stat(path_.c_str(), &info) != 0) {
        addresses_.clear();
        changed_ns_ = -1;
        return addresses_;
    }
    const std::int64_t changed_ns = info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec;
    if (changed_ns == changed_ns_ && info.st_ino == inode_) return addresses_;
    changed_ns_ = changed_ns;
    inode_ = info.st_ino;
    addresses_ = parse_resolvers(read_file_if_exists(path_, 1u << 20).value_or(""));
    return addresses_;
}

std::vector<std::string> parse_resolvers(std::string_view resolv_conf) {
    std::vector<std::string> result;
    for (std::string& line : split(resolv_conf, '\n')) {
        for (char& c : line) c = c == '\t' ? ' ' : c;
        const std::string_view text = trim(line);
        constexpr std::string_view kKey = "nameserver ";
        if (!text.starts_with(kKey) || result.size() == kMaxServers) continue;
        const std::string_view rest = trim(text.substr(kKey.size()));
        const std::string address{rest.substr(0, rest.find(' '))};
        if (SocketAddress::parse(address, 53)) result.push_back(address);
    }
    return result;
}

}  // namespace stack::network
