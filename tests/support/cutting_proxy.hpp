// A TCP proxy on a loopback port that misbehaves where the test says: cuts a connection after so many bytes of the
// server's answers, holds all of them back for a while, or tells when some have passed.
#pragma once

#include "runtime/base/fd.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace stack::test {

class CuttingProxy {
  public:
    /// Asked for each connection, on the proxy's thread: after how many bytes from the server it is cut; nullopt: never.
    using Cut = std::function<std::optional<std::uint64_t>()>;

    /// Forwards to 127.0.0.1:`port` from now on.
    explicit CuttingProxy(std::uint16_t port, Cut cut = {});
    ~CuttingProxy();
    CuttingProxy(const CuttingProxy&) = delete;
    CuttingProxy& operator=(const CuttingProxy&) = delete;

    /// `127.0.0.1:PORT`.
    [[nodiscard]] std::string host() const;
    /// Connections that were cut so far.
    [[nodiscard]] int cuts() const;

    /// From now on no connection passes on more than `bytes` of the server's, until `release`.
    void hold_after(std::uint64_t bytes);
    void release();
    /// Waits until a connection is held. False after ten seconds.
    [[nodiscard]] bool wait_until_held() const;
    /// `act` is called once, on a thread of the proxy, when `bytes` more of the server's have passed in all.
    void after(std::uint64_t bytes, std::function<void()> act);

  private:
    struct Connection {
        UniqueFd client, server;
        std::optional<std::uint64_t> cut_after;
        std::thread thread;
    };

    void accept_connections();
    void serve(Connection& connection);
    /// How many of `wanted` bytes may pass after `passed` on this connection; blocks while it is held.
    std::size_t allow(std::uint64_t passed, std::size_t wanted);
    void count(std::size_t bytes);

    std::uint16_t server_port_;
    std::uint16_t port_ = 0;
    Cut cut_;
    UniqueFd listener_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::list<Connection> connections_;
    int cuts_ = 0;
    int held_ = 0;
    std::optional<std::uint64_t> hold_after_;
    std::uint64_t act_after_ = 0;
    std::function<void()> act_;
    bool stopping_ = false;
    std::thread acceptor_;
};

}  // namespace stack::test
