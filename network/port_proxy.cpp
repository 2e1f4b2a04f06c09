#include "network/port_proxy.hpp"

#include "network/poller.hpp"
#include "network/socket_address.hpp"
#include "network/tcp_relay.hpp"
#include "network/udp_relay.hpp"
#include "runtime/base/error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace stack::network {

namespace {

constexpr std::chrono::milliseconds kTick{1000};  // expiry of UDP flows
constexpr int kAcceptsPerTurn = 64;

SocketAddress address_of(const PortProxy::Target& target) {
    const std::optional<SocketAddress> address = SocketAddress::parse(target.ip, target.port);
    if (!address) throw Error{ErrorKind::invalid_input, fmt::format("'{}' is no IP address", target.ip)};
    return *address;
}

// What listeners share. Lives on the proxy's thread.
struct Plane {
    Poller poller;
    PipePool pipes;
    PortProxy::Limits limits;
    Log log;
    std::unordered_map<TcpRelay*, std::unique_ptr<TcpRelay>> relays;

    Plane(PortProxy::Limits given, Log to) : limits{given}, log{std::move(to)} {}

    void add_relay(UniqueFd client, const SocketAddress& target) {
        const auto on_end = [this](TcpRelay& ended) {
            const auto place = relays.find(&ended);
            poller.bury(std::move(place->second));
            relays.erase(place);
        };
        auto relay = std::make_unique<TcpRelay>(poller, pipes, std::move(client), target, on_end);
        TcpRelay* key = relay.get();
        relays.emplace(key, std::move(relay));
    }
};

bool out_of_resources(int err) {
    return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

class TcpListener : public Pollable {
  public:
    TcpListener(Plane& plane, UniqueFd socket) : plane_{plane}, socket_{std::move(socket)} {}
    TcpListener(const TcpListener&) = delete;
    TcpListener& operator=(const TcpListener&) = delete;
    ~TcpListener() override { close(); }

    void close() {
        if (socket_.valid()) plane_.poller.unwatch(socket_.get());
        socket_.reset();
    }

    void set_target(std::optional<SocketAddress> target) {
        plane_.poller.unwatch(socket_.get());
        target_ = target;
        // Watching anew reports what is queued already.
        if (target_) plane_.poller.watch(socket_.get(), EPOLLIN | EPOLLET, *this);
    }

    void on_ready(std::uint32_t) override {
        for (int i = 0; target_ && i < kAcceptsPerTurn; ++i) {
            if (plane_.relays.size() >= plane_.limits.connections) return plane_.poller.in_a_while(*this);
            UniqueFd client{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
            if (!client.valid()) {
                if (errno == EAGAIN) return;
                if (out_of_resources(errno)) return wait_for_resources();
                continue;  // the client gave up: ECONNABORTED and its like
            }
            try {
                plane_.add_relay(std::move(client), *target_);
            } catch (const Error& error) {
                plane_.log.debug("port proxy: {}", error.what());
                if (out_of_resources(error.code())) return wait_for_resources();
            }
        }
        if (target_) plane_.poller.once_more(*this);
    }

  private:
    void wait_for_resources() {
        plane_.log.warning("port proxy: out of descriptors, connections wait");
        plane_.poller.in_a_while(*this);
    }

    Plane& plane_;
    UniqueFd socket_;
    std::optional<SocketAddress> target_;
};

}  // namespace

struct PortProxy::Impl : Pollable {
    Plane plane;
    std::map<std::string, std::unique_ptr<TcpListener>> tcp;
    std::map<std::string, std::unique_ptr<UdpRelay>> udp;

    UniqueFd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::mutex mutex;
    std::vector<std::function<void()>> commands;  // under the mutex
    bool stopping = false;                        // on the thread
    std::thread thread;

    Impl(Log log, Limits limits) : plane{limits, std::move(log)} {
        if (!wake.valid()) throw_errno("create eventfd");
        plane.poller.watch(wake.get(), EPOLLIN, *this);
    }

    // Runs `work` on the thread and waits, so that a socket handed over is served and one taken back is closed.
    void call(const std::function<void()>& work) {
        std::promise<void> done;
        {
            const std::lock_guard guard{mutex};
            commands.emplace_back([&] {
                try {
                    work();
                    done.set_value();
                } catch (...) {
                    done.set_exception(std::current_exception());
                }
            });
        }
        const std::uint64_t one = 1;
        static_cast<void>(!::write(wake.get(), &one, sizeof one));
        done.get_future().get();
    }

    void on_ready(std::uint32_t) override {
        std::uint64_t count = 0;
        static_cast<void>(!::read(wake.get(), &count, sizeof count));
        std::vector<std::function<void()>> todo;
        {
            const std::lock_guard guard{mutex};
            todo.swap(commands);
        }
        for (const auto& command : todo) command();
    }

    void run() {
        auto next_tick = std::chrono::steady_clock::now() + kTick;
        while (!stopping) {
            plane.poller.run_once(kTick);
            const auto now = std::chrono::steady_clock::now();
            if (now < next_tick) continue;
            next_tick = now + kTick;
            for (auto& [key, relay] : udp) relay->expire(now);
        }
        tcp.clear();
        udp.clear();
        plane.relays.clear();
    }

    void start(int hub_namespace) {
        std::promise<void> entered;
        thread = std::thread{[this, hub_namespace, &entered] {
            // The process's signals are for others; and splice(2) to a closed socket raises SIGPIPE.
            sigset_t all;
            ::sigfillset(&all);
            ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
            if (::setns(hub_namespace, CLONE_NEWNET) != 0) {
                entered.set_exception(
                    std::make_exception_ptr(Error::from_errno(errno, "enter the hub's network namespace")));
                return;
            }
            entered.set_value();
            run();
        }};
        try {
            entered.get_future().get();
        } catch (...) {
            thread.join();
            throw;
        }
    }

    void remove(const std::string& key) {
        if (const auto listener = tcp.find(key); listener != tcp.end()) {
            listener->second->close();
            plane.poller.bury(std::move(listener->second));
            tcp.erase(listener);
        }
        if (const auto relay = udp.find(key); relay != udp.end()) {
            relay->second->close();
            plane.poller.bury(std::move(relay->second));
            udp.erase(relay);
        }
    }
};

PortProxy::PortProxy(int hub_namespace, Log log, Limits limits)
    : impl_{std::make_unique<Impl>(std::move(log), limits)} {
    impl_->start(hub_namespace);
}

PortProxy::~PortProxy() {
    impl_->call([this] { impl_->stopping = true; });
    impl_->thread.join();
}

void PortProxy::add(const std::string& key, const PublishedPort& port, UniqueFd socket,
                    std::optional<Target> target) {
    std::optional<SocketAddress> address;
    if (target) address = address_of(*target);
    set_nonblocking(socket.get(), true);
    impl_->call([&] {
        impl_->remove(key);
        if (port.protocol == "udp") {
            auto relay =
                std::make_unique<UdpRelay>(impl_->plane.poller, std::move(socket), impl_->plane.limits.flows);
            relay->set_target(address);
            impl_->udp.emplace(key, std::move(relay));
        } else {
            auto listener = std::make_unique<TcpListener>(impl_->plane, std::move(socket));
            listener->set_target(address);
            impl_->tcp.emplace(key, std::move(listener));
        }
    });
}

void PortProxy::set_target(const std::string& key, std::optional<Target> target) {
    std::optional<SocketAddress> address;
    if (target) address = address_of(*target);
    impl_->call([&] {
        if (const auto listener = impl_->tcp.find(key); listener != impl_->tcp.end())
            listener->second->set_target(address);
        if (const auto relay = impl_->udp.find(key); relay != impl_->udp.end())
            relay->second->set_target(address);
    });
}

void PortProxy::remove(const std::string& key) {
    impl_->call([&] { impl_->remove(key); });
}

}  // namespace stack::network
