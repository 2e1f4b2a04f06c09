#include "manager/engine/project_network.hpp"

#include "manager/plan/spec_builder.hpp"
#include "network/namespace.hpp"
#include "network/network_store.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/trace.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace stack::engine {

using network::EndpointNamespace;
using network::EndpointSpec;
using network::PublishedPort;

struct ProjectNetwork::Seat {
    EndpointNamespace space;
    UniqueFd user;  ///< what owns it, when that is the container's own
    [[nodiscard]] OwnNamespaces namespaces() const { return {space.netns.get(), user.get()}; }
};

struct ProjectNetwork::Bound {
    PublishedPort port;
    std::string key;
    bool fast_path = false;
};

namespace {

network::HubOptions hub_options(const Paths& paths, const std::string& project) {
    network::HubOptions options;
    options.project = project;
    options.run_directory = paths.run(project);
    options.data_directory = paths.data_root;
    return options;
}

// What the file asks for: one port, a range of which any free one will do, or none said.
struct WantedPort {
    PublishedPort port;
    std::uint16_t last = 0;
};

WantedPort wanted_port(const compose::Port& port) {
    WantedPort wanted;
    wanted.port.host_ip = port.host_ip.empty() ? "0.0.0.0" : port.host_ip;
    wanted.port.protocol = port.protocol;
    wanted.port.container_port = port.target;
    const std::vector<std::string> ends = split(port.published, '-');
    const auto number = [](const std::string& text) {
        return static_cast<std::uint16_t>(parse_int(text).value_or(0));
    };
    wanted.port.host_port = number(ends.front());
    if (ends.size() > 1) wanted.last = number(ends.back());
    return wanted;
}

std::string reservation_key(const PublishedPort& port) {
    return fmt::format("{}/{}/{}", port.host_ip, port.host_port, port.protocol);
}

std::string port_key(const std::string& id, std::size_t index) {
    return fmt::format("port/{}/{}", id.substr(0, 32), index);
}
std::string seat_key(const std::string& id) {
    return fmt::format("net/{}", id.substr(0, 32));
}

}  // namespace

ProjectNetwork::ProjectNetwork(EventLoop& loop, const Paths& paths, std::string project, KeeperClient& keeper,
                               Log log, std::function<void(std::string)> note)
    : loop_{loop},
      paths_{paths},
      project_{std::move(project)},
      keeper_{keeper},
      log_{log},
      note_{std::move(note)},
      dns_{loop, log} {}

ProjectNetwork::~ProjectNetwork() = default;

network::Hub& ProjectNetwork::hub() {
    if (hub_) return *hub_;
    make_directories(paths_.run(project_));
    hub_.emplace(network::Hub::create(hub_options(paths_, project_)));
    const int fd = hub_->namespace_fd();
    keeper_.hold("hub", std::span{&fd, 1});
    return *hub_;
}

network::PortProxy& ProjectNetwork::proxy() {
    if (!proxy_) proxy_ = std::make_unique<network::PortProxy>(hub().namespace_fd(), log_);
    return *proxy_;
}

Task<> ProjectNetwork::create(compose::Network network, std::string config_hash) {
    network::NetworkSpec spec;
    spec.name = network.name;
    spec.key = network.key;
    spec.internal = network.internal;
    if (!network.ipam.empty()) {
        const compose::IpamConfig& ipam = network.ipam.front();
        spec.subnet = ipam.subnet;
        spec.gateway = ipam.gateway;
        spec.ip_range = ipam.ip_range;
        for (const auto& [name, address] : ipam.aux_addresses) spec.reserved.push_back(address);
    }
    auto notes = load_network_notes(paths_, project_);
    notes[network.name] = NetworkNote{network.key, std::move(config_hash)};
    save_network_notes(paths_, project_, notes);
    static_cast<void>(hub());  // here, on the loop's thread: two workers must not both make it
    auto work = [this, spec] {
        const TraceSpan span{"network.create", spec.name};
        static_cast<void>(hub_->ensure_network(spec));
    };
    std::function<void()> job = work;
    co_await run_blocking(loop_, std::move(job));
    for (std::string& note : hub().take_notes()) note_(std::move(note));
}

Task<> ProjectNetwork::remove(std::string name) {
    if (!hub_) hub_ = network::Hub::open(hub_options(paths_, project_));
    auto work = [this, name] {
        if (hub_) {
            hub_->remove_network(name, true);
        } else {
            network::NetworkStore{paths_.data_root}.remove_network(name);
        }
    };
    std::function<void()> job = work;
    co_await run_blocking(loop_, std::move(job));
    auto notes = load_network_notes(paths_, project_);
    notes.erase(name);
    save_network_notes(paths_, project_, notes);
}

Task<> ProjectNetwork::remove_hub() {
    proxy_.reset();
    hub_.reset();
    keeper_.drop("hub");
    auto work = [this] { network::remove_hub(hub_options(paths_, project_)); };
    std::function<void()> job = work;
    co_await run_blocking(loop_, std::move(job));
}

Task<std::vector<EndpointSpec>> ProjectNetwork::allocate(std::string id, std::vector<EndpointSpec> seats) {
    if (seats.empty()) co_return seats;
    static_cast<void>(hub());
    std::vector<EndpointSpec> result;
    auto work = [this, &id, &seats, &result] { result = hub_->allocate(id, std::move(seats)); };
    std::function<void()> job = work;
    co_await run_blocking(loop_, std::move(job));
    co_return result;
}

Task<> ProjectNetwork::forget(std::string id) {
    unpublish(id);
    if (seats_.erase(id) > 0) {
        dns_.remove_client(id);
        keeper_.drop(seat_key(id));
    }
    if (!hub_) hub_ = network::Hub::open(hub_options(paths_, project_));
    if (!hub_) co_return;
    auto work = [this, &id] { hub_->release(id); };
    std::function<void()> job = work;
    co_await run_blocking(loop_, std::move(job));
}

std::string ProjectNetwork::host_gateway() const {
    return hub_ ? hub_->host_gateway() : "";
}

std::vector<Error> ProjectNetwork::reserve(const compose::Service& service, const ContainerRecord* own) {
    std::vector<Error> errors;
    if (service.network_mode == "host" || service.network_mode == "none") return errors;
    for (const compose::Port& port : service.ports) {
        const WantedPort wanted = wanted_port(port);
        if (wanted.port.host_port == 0) continue;
        const std::string key = reservation_key(wanted.port);
        const auto holds = [&](const auto& entry) {
            return std::any_of(entry.second.begin(), entry.second.end(), [&](const Bound& bound) {
                return bound.port.protocol == wanted.port.protocol &&
                       bound.port.host_port == wanted.port.host_port;
            });
        };
        // One of this project's own holds it: the plan will have stopped that one by then, or the bind fails then.
        if (own == nullptr && std::any_of(bound_.begin(), bound_.end(), holds)) continue;
        if (own != nullptr && bound_.contains(own->id)) continue;
        if (reserved_.contains(key)) {
            if (wanted.last == 0)
                errors.push_back(
                    Error{ErrorKind::conflict, fmt::format("port {}/{} is published twice",
                                                           wanted.port.host_port, wanted.port.protocol)}
                        .at(SourcePosition{port.position.file, port.position.line, port.position.column}));
            continue;
        }
        try {
            reserved_.emplace(key, network::reserve_port(wanted.port, wanted.last));
        } catch (Error& error) {
            errors.push_back(
                error.at(SourcePosition{port.position.file, port.position.line, port.position.column})
                    .add_context(fmt::format("cannot publish port {} of service \"{}\"",
                                             wanted.port.host_port, service.name)));
        }
    }
    return errors;
}

void ProjectNetwork::drop_reservations() {
    reserved_.clear();
}

Task<OwnNamespaces> ProjectNetwork::enter(ContainerRecord record) {
    if (record.service.network_mode == "host") co_return OwnNamespaces{};
    const std::string id = record.id;
    if (const auto found = seats_.find(id); found != seats_.end()) co_return found->second->namespaces();
    auto seat = std::make_unique<Seat>();
    if (!record.endpoints.empty()) static_cast<void>(hub());
    auto work = [this, &record, &seat] {
        const TraceSpan span{"network.endpoint", record.name};
        UniqueFd given;
        if (record.ids) {
            UserNamespace made = make_user_namespace(*record.ids);
            seat->user = std::move(made.user);
            given = std::move(made.network);
        }
        if (record.endpoints.empty()) {
            seat->space.netns = network::make_isolated_namespace(std::move(given));
        } else {
            seat->space = hub_->make_endpoint(record.endpoints, std::move(given));
        }
    };
    std::function<void()> job = work;
    co_await run_blocking(loop_, std::move(job));
    const EndpointNamespace& space = seat->space;
    std::vector<int> fds{space.netns.get()};
    if (space.dns_udp.valid()) fds.insert(fds.end(), {space.dns_udp.get(), space.dns_tcp.get()});
    if (seat->user.valid()) fds.push_back(seat->user.get());
    keeper_.hold(seat_key(id), fds);
    serve_dns(record, space);
    const OwnNamespaces namespaces = seat->namespaces();
    seats_[id] = std::move(seat);
    co_return namespaces;
}

void ProjectNetwork::serve_dns(const ContainerRecord& record, const EndpointNamespace& space) {
    if (!space.dns_udp.valid()) return;
    network::DnsClientOptions options;
    options.id = record.id;
    options.upstream = record.service.dns;
    std::set<std::string> internal;
    for (const network::NetworkSpec& spec : hub().networks())
        if (spec.internal) internal.insert(spec.name);
    options.asker.may_forward = false;
    for (const EndpointSpec& endpoint : record.endpoints) {
        options.asker.networks.push_back(endpoint.network);
        if (!internal.contains(endpoint.network)) options.asker.may_forward = true;
    }
    dns_.add_client(std::move(options), space.dns_udp.duplicate(), space.dns_tcp.duplicate());
}

void ProjectNetwork::serve_port(const ContainerRecord& record, std::size_t index, const PublishedPort& port,
                                UniqueFd socket) {
    Bound bound;
    bound.port = port;
    bound.key = port_key(record.id, index);
    // The network that leads out is the one to be reached from outside.
    const auto leads_out = [](const EndpointSpec& endpoint) { return !endpoint.gateway.empty(); };
    auto seat = std::find_if(record.endpoints.begin(), record.endpoints.end(), leads_out);
    if (seat == record.endpoints.end()) seat = record.endpoints.begin();
    const int fd = socket.get();
    keeper_.hold(bound.key, std::span{&fd, 1});
    proxy().add(bound.key, port, std::move(socket),
                network::PortProxy::Target{seat->ip, port.container_port});
    bound.fast_path = hub().add_fast_path(port, *seat);
    bound_[record.id].push_back(std::move(bound));
}

void ProjectNetwork::publish(ContainerRecord& record) {
    if (bound_.contains(record.id) || record.endpoints.empty()) return;
    const TraceSpan span{"network.publish", record.name};
    std::vector<PublishedPort> ports;
    try {
        for (std::size_t i = 0; i < record.service.ports.size(); ++i) {
            const compose::Port& asked = record.service.ports[i];
            const WantedPort wanted = wanted_port(asked);
            network::ReservedPort reserved;
            if (auto found = reserved_.extract(reservation_key(wanted.port)); !found.empty()) {
                reserved = std::move(found.mapped());
            } else {
                try {
                    reserved = network::reserve_port(wanted.port, wanted.last);
                } catch (Error& error) {
                    throw error
                        .at(SourcePosition{asked.position.file, asked.position.line, asked.position.column})
                        .add_context(fmt::format("publishing port {}", wanted.port.host_port));
                }
            }
            reserved.port.container_port = asked.target;
            ports.push_back(reserved.port);
            serve_port(record, i, reserved.port, std::move(reserved.socket));
        }
    } catch (...) {
        unpublish(record.id);
        throw;
    }
    record.ports = std::move(ports);
}

void ProjectNetwork::unpublish(const std::string& id) {
    const auto found = bound_.find(id);
    if (found == bound_.end()) return;
    for (const Bound& bound : found->second) {
        if (bound.fast_path) hub().remove_fast_path(bound.port);
        if (proxy_) proxy_->remove(bound.key);
        keeper_.drop(bound.key);
    }
    bound_.erase(found);
}

void ProjectNetwork::publish_names(const ContainerRecord& record, bool answer) {
    if (record.endpoints.empty()) return;
    if (answer) {
        dns_.set_names(record.id, record.endpoints);
    } else {
        dns_.remove_names(record.id);
    }
}

void ProjectNetwork::adopt(const ContainerRecord& record, std::vector<KeeperClient::Held>& held) {
    for (KeeperClient::Held& entry : held) {
        if (entry.name == seat_key(record.id)) {
            auto seat = std::make_unique<Seat>();
            seat->space.netns = std::move(entry.fds.at(0));
            if (record.ids) {
                seat->user = std::move(entry.fds.back());
                entry.fds.pop_back();
            }
            if (entry.fds.size() == 3) {
                seat->space.dns_udp = std::move(entry.fds[1]);
                seat->space.dns_tcp = std::move(entry.fds[2]);
            }
            serve_dns(record, seat->space);
            seats_[record.id] = std::move(seat);
            entry.name.clear();
        }
        for (std::size_t i = 0; i < record.ports.size(); ++i) {
            if (entry.name != port_key(record.id, i)) continue;
            serve_port(record, i, record.ports[i], std::move(entry.fds.at(0)));
            entry.name.clear();
        }
    }
}

Task<> ProjectNetwork::stop() {
    proxy_.reset();
    co_await dns_.stop();
}

}  // namespace stack::engine
