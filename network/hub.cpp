#include "network/hub.hpp"

#include "network/endpoint.hpp"
#include "network/host_side.hpp"
#include "network/links.hpp"
#include "network/namespace.hpp"
#include "network/network_store.hpp"
#include "network/nft_apply.hpp"
#include "network/nft_ruleset.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/network_namespace.hpp"
#include "runtime/base/trace.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace stack::network {

namespace {

std::string pin_path(const HubOptions& options) {
    return options.run_directory + "/hub.ns";
}

Prefix subnet_of(const NetworkRecord& record) {
    const std::optional<Prefix> prefix = Prefix::parse(record.spec.subnet);
    if (!prefix)
        throw Error{ErrorKind::failed, fmt::format("record of network '{}' has no subnet", record.spec.name)};
    return *prefix;
}

HubBridge bridge_of(const NetworkRecord& record) {
    return HubBridge{record.bridge, subnet_of(record), !record.spec.internal, !record.routed};
}

// Runs once inside the new hub, before anything is plugged into it.
void set_up_hub_namespace() {
    set_up_loopback();
    write_sysctl("ipv4/ip_forward", "1");
    // A container can't speak under another network's address.
    write_sysctl("ipv4/conf/all/rp_filter", "1");
    write_sysctl("ipv4/conf/default/rp_filter", "1");
    for (const char* name : {"ipv6/conf/all/disable_ipv6", "ipv6/conf/default/disable_ipv6"}) {
        if (!read_sysctl(name).empty()) write_sysctl(name, "1");
    }
    // Present once br_netfilter is loaded: frames between two containers of one network stay out of the rules.
    for (const char* name : {"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables",
                             "bridge/bridge-nf-call-arptables"}) {
        if (!read_sysctl(name).empty()) write_sysctl(name, "0");
    }
    Nft{}.apply(hub_ruleset(kHubUplink, {}), "install the hub's rules");
}

std::string bridge_name(std::size_t number) {
    return fmt::format("br-{}", number);
}

}  // namespace

struct Hub::Impl {
    HubOptions options;
    NetworkStore store;
    HubRecord record;
    UniqueFd netns;
    std::optional<Links> links;  // of the hub
    std::map<std::string, NetworkRecord> networks;
    std::map<std::string, int> bridge_index;
    std::map<std::string, Ipv4> last_address;
    std::vector<std::string> notes;
    std::optional<Nft> host_nft_;
    std::mutex mutex;

    explicit Impl(const HubOptions& given) : options{given}, store{given.data_directory} {}

    // Kept: closing such a socket after a deletion waits for an RCU grace period.
    Nft& host_nft() {
        if (!host_nft_) host_nft_.emplace();
        return *host_nft_;
    }

    [[nodiscard]] bool has_uplink() const { return options.uplink == Uplink::veth; }

    // True when the recorded hub exists in the kernel; then it is open.
    bool open_recorded() {
        std::optional<HubRecord> found = store.find_hub(options.project);
        if (!found || !found->complete || found->boot != boot_id()) return false;
        UniqueFd pinned = open_pinned_namespace(found->pin);
        if (!pinned.valid()) return false;
        record = std::move(*found);
        netns = std::move(pinned);
        links.emplace(Links::in(netns.get()));
        return true;
    }

    void load_networks() {
        for (NetworkRecord& network : store.networks()) {
            if (network.project == options.project) networks.emplace(network.spec.name, std::move(network));
        }
    }

    // Under the store's lock.
    void make() {
        if (std::optional<HubRecord> stale = store.find_hub(options.project)) remove_kernel_objects(*stale);
        record = HubRecord{};
        if (has_uplink()) record = plan_host_side(options.project, options.data_directory, store.hubs());
        record.project = options.project;
        record.boot = boot_id();
        record.pin = pin_path(options);
        TraceSpan look{"hub.look"};
        if (has_uplink()) record.foreign_chains = find_foreign_chains(host_nft());
        store.save(record);
        look.end();

        TraceSpan inside{"hub.namespace"};
        netns = make_namespace(set_up_hub_namespace);
        pin_namespace(netns.get(), record.pin);
        links.emplace(Links::in(netns.get()));
        for (auto& [name, network] : networks) make_bridge(network);
        inside.end();
        const TraceSpan outside{"hub.host"};
        if (has_uplink()) ensure_host_side(host_nft(), record, netns.get(), routed_subnets(), notes);
        record.complete = true;
        store.save(record);
    }

    // A hub that exists may lack a bridge (its maker was killed between record and bridge) or its host side:
    // somebody flushed the rules or restarted a firewall.
    void repair() {
        for (auto& [name, network] : networks) make_bridge(network);
        if (!has_uplink()) return;
        for (const std::string& chain : find_foreign_chains(host_nft())) {
            auto& known = record.foreign_chains;
            if (std::find(known.begin(), known.end(), chain) != known.end()) continue;
            known.push_back(chain);
            store.save(record);
        }
        ensure_host_side(host_nft(), record, netns.get(), routed_subnets(), notes);
    }

    static void remove_kernel_objects(const HubRecord& old) {
        const bool this_boot = old.boot == boot_id();
        if (this_boot && !old.uplink.empty()) remove_host_side(old);
        unpin_namespace(old.pin);
    }

    [[nodiscard]] std::vector<Prefix> routed_subnets() const {
        std::vector<Prefix> result;
        for (const auto& [name, network] : networks) {
            if (network.routed) result.push_back(subnet_of(network));
        }
        return result;
    }

    // Bridge, address and rules in the hub. Present already is fine.
    void make_bridge(const NetworkRecord& network) {
        const Ipv4 gateway = *Ipv4::parse(network.spec.gateway);
        if (!links->find(network.bridge))
            links->create_bridge(network.bridge, mac_of(gateway), network.spec.mtu);
        bridge_index[network.spec.name] =
            *links->find(network.bridge);  // before it is up, see VethOptions::up
        links->configure(
            {network.bridge, InterfaceAddress{gateway, subnet_of(network).length}, std::nullopt});
        const std::string rules = add_hub_bridge(bridge_of(network));
        if (rules.empty()) return;
        in_network_namespace(netns.get(), [&] { Nft{}.apply(rules, "add the network to the hub's rules"); });
    }

    void route_on_host(const NetworkRecord& network) {
        if (!network.routed) return;
        host_nft().apply(add_host_subnet(record.table, subnet_of(network)),
                         "add the network to the host's rules");
        add_host_route(record, subnet_of(network));
    }

    NetworkRecord choose_network(const NetworkSpec& wanted) {
        std::vector<Prefix> siblings;
        std::vector<Prefix> routed = Links{}.routes();  // what the host or another project uses
        std::vector<Prefix> taken = routed;
        for (const NetworkRecord& other : store.networks()) {
            const Prefix subnet = subnet_of(other);
            taken.push_back(subnet);
            if (other.routed) routed.push_back(subnet);
            if (other.project == options.project) siblings.push_back(subnet);
        }
        NetworkRecord result;
        result.project = options.project;
        result.spec = complete_network(wanted, options.pools, siblings, taken);
        const Prefix subnet = subnet_of(result);
        const bool unique = std::none_of(routed.begin(), routed.end(),
                                         [&](const Prefix& other) { return subnet.overlaps(other); });
        result.routed = has_uplink() && unique && !result.spec.internal;
        result.bridge = free_bridge_name();
        return result;
    }

    [[nodiscard]] std::string free_bridge_name() const {
        for (std::size_t number = 0;; ++number) {
            const std::string name = bridge_name(number);
            const bool used = std::any_of(networks.begin(), networks.end(),
                                          [&](const auto& entry) { return entry.second.bridge == name; });
            if (!used) return name;
        }
    }

    NetworkRecord& known_network(const std::string& name) {
        const auto found = networks.find(name);
        if (found == networks.end())
            throw Error{ErrorKind::not_found, fmt::format("there is no network '{}'", name)};
        return found->second;
    }

    [[nodiscard]] BridgeSeat bridge_seat(const EndpointSpec& seat) {
        const NetworkRecord& network = known_network(seat.network);
        return BridgeSeat{bridge_index.at(seat.network), network.bridge, network.spec.mtu, seat};
    }

    // The lock is held for single requests only: many containers start at once.
    void join(int container, Links& inside, const EndpointSpec& seat) {
        try {
            BridgeSeat place;
            {
                const std::lock_guard guard{mutex};
                place = bridge_seat(seat);
                plug_in(*links, container, place);
            }
            configure_inside(inside, place);
            const auto passing = [&] {
                const std::lock_guard guard{mutex};
                return passes(*links, place);
            };
            wait_until(passing);
        } catch (Error& error) {
            throw std::move(error.add_context(fmt::format("join network '{}'", seat.network)));
        }
    }

    void give_address(const std::string& owner, EndpointSpec& seat, NetworkRecord& network) {
        std::set<Ipv4> taken;
        for (const auto& [text, holder] : network.leases) {
            const std::optional<Ipv4> address = Ipv4::parse(text);
            if (!address) continue;
            if (holder != owner) {
                taken.insert(*address);
            } else if (seat.ip.empty()) {
                seat.ip = text;
            }
        }
        const auto last = last_address.find(seat.network);
        const std::optional<Ipv4> after =
            last == last_address.end() ? std::nullopt : std::optional<Ipv4>{last->second};
        const bool fixed = !seat.ip.empty();
        const Ipv4 address = choose_address(network.spec, taken, seat.ip, after);
        if (!fixed) last_address[seat.network] = address;
        seat.ip = address.text();
        seat.prefix_length = subnet_of(network).length;
        if (seat.mac.empty()) seat.mac = mac_of(address);
        network.leases[seat.ip] = owner;
    }
};

Hub::Hub(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Hub::~Hub() = default;
Hub::Hub(Hub&&) noexcept = default;
Hub& Hub::operator=(Hub&&) noexcept = default;

Hub Hub::create(const HubOptions& options) {
    auto impl = std::make_unique<Impl>(options);
    const FileLock lock = impl->store.lock();
    impl->load_networks();
    try {
        if (impl->open_recorded()) {
            impl->repair();
        } else {
            impl->make();
        }
    } catch (Error& error) {
        throw std::move(
            error.add_context(fmt::format("create the network hub of project \"{}\"", options.project)));
    }
    return Hub{std::move(impl)};
}

std::optional<Hub> Hub::open(const HubOptions& options) {
    auto impl = std::make_unique<Impl>(options);
    if (!impl->open_recorded()) return std::nullopt;
    impl->load_networks();
    for (const auto& [name, network] : impl->networks) {
        if (const std::optional<int> index = impl->links->find(network.bridge))
            impl->bridge_index[name] = *index;
    }
    return Hub{std::move(impl)};
}

int Hub::namespace_fd() const {
    return impl_->netns.get();
}

std::vector<std::string> Hub::take_notes() {
    const std::lock_guard guard{impl_->mutex};
    return std::exchange(impl_->notes, {});
}

std::string Hub::host_gateway() const {
    return impl_->has_uplink() ? host_address(impl_->record).text() : "";
}

NetworkSpec Hub::ensure_network(const NetworkSpec& wanted) {
    const std::lock_guard guard{impl_->mutex};
    const FileLock lock = impl_->store.lock();
    if (const auto known = impl_->networks.find(wanted.name); known != impl_->networks.end()) {
        impl_->make_bridge(known->second);
        impl_->route_on_host(known->second);
        return known->second.spec;
    }
    if (const std::optional<NetworkRecord> other = impl_->store.find_network(wanted.name))
        throw Error{ErrorKind::conflict,
                    fmt::format("network '{}' belongs to project \"{}\"", wanted.name, other->project)};
    NetworkRecord record = impl_->choose_network(wanted);
    impl_->store.save(record);
    impl_->networks.emplace(wanted.name, record);
    impl_->make_bridge(record);
    impl_->route_on_host(record);
    return record.spec;
}

void Hub::remove_network(const std::string& name, bool force) {
    const std::lock_guard guard{impl_->mutex};
    const auto found = impl_->networks.find(name);
    if (found == impl_->networks.end()) return;
    const NetworkRecord& network = found->second;
    if (!network.leases.empty() && !force)
        throw Error{ErrorKind::conflict,
                    fmt::format("network '{}' is in use by {} containers", name, network.leases.size())};
    const auto tolerate_missing = [](const std::function<void()>& step) {
        try {
            step();
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::not_found) throw;
        }
    };
    if (network.routed) {
        remove_host_route(impl_->record, subnet_of(network));
        tolerate_missing([&] {
            impl_->host_nft().apply(remove_host_subnet(impl_->record.table, subnet_of(network)),
                                    "remove the network's rules");
        });
    }
    const std::string rules = remove_hub_bridge(bridge_of(network));
    in_network_namespace(impl_->netns.get(), [&] {
        if (!rules.empty()) tolerate_missing([&] { Nft{}.apply(rules, "remove the network's rules"); });
    });
    impl_->links->remove(network.bridge);
    impl_->store.remove_network(name);
    impl_->bridge_index.erase(name);
    impl_->last_address.erase(name);
    impl_->networks.erase(found);
}

std::vector<NetworkSpec> Hub::networks() const {
    const std::lock_guard guard{impl_->mutex};
    std::vector<NetworkSpec> result;
    for (const auto& [name, network] : impl_->networks) result.push_back(network.spec);
    return result;
}

std::vector<EndpointSpec> Hub::allocate(const std::string& owner, std::vector<EndpointSpec> seats) {
    const std::lock_guard guard{impl_->mutex};
    // On copies, so that a failure leaves nothing half given.
    std::map<std::string, NetworkRecord> changed;
    bool has_route = false;
    for (std::size_t i = 0; i < seats.size(); ++i) {
        EndpointSpec& seat = seats[i];
        NetworkRecord& network =
            changed.try_emplace(seat.network, impl_->known_network(seat.network)).first->second;
        impl_->give_address(owner, seat, network);
        if (seat.interface.empty()) seat.interface = fmt::format("eth{}", i);
        const bool leads_out = !has_route && !network.spec.internal && impl_->has_uplink();
        seat.gateway = leads_out ? network.spec.gateway : "";
        has_route = has_route || leads_out;
    }
    for (auto& [name, network] : changed) {
        NetworkRecord& current = impl_->networks.at(name);
        if (current == network) continue;
        impl_->store.save(network);
        current = std::move(network);
    }
    return seats;
}

void Hub::release(const std::string& owner) {
    const std::lock_guard guard{impl_->mutex};
    for (auto& [name, network] : impl_->networks) {
        const std::size_t count =
            std::erase_if(network.leases, [&](const auto& lease) { return lease.second == owner; });
        if (count > 0) impl_->store.save(network);
    }
}

EndpointNamespace Hub::make_endpoint(const std::vector<EndpointSpec>& seats, UniqueFd given) {
    NewEndpoint endpoint = make_endpoint_namespace(std::move(given));
    for (const EndpointSpec& seat : seats) impl_->join(endpoint.net.netns.get(), endpoint.inside, seat);
    return std::move(endpoint.net);
}

void Hub::attach(int netns, const EndpointSpec& seat) {
    Links inside = Links::in(netns);
    impl_->join(netns, inside, seat);
}

namespace {
bool same_place_taken(const Error& error) {
    return error.kind() == ErrorKind::already_exists;
}
}  // namespace

bool Hub::add_fast_path(const PublishedPort& port, const EndpointSpec& seat) {
    const std::lock_guard guard{impl_->mutex};
    const NetworkRecord& network = impl_->known_network(seat.network);
    const std::optional<Ipv4> container = Ipv4::parse(seat.ip);
    const bool ipv4 = port.host_ip.empty() || Ipv4::parse(port.host_ip);
    if (!network.routed || !container || !ipv4) return false;
    Nft& nft = impl_->host_nft();
    const std::string add = stack::network::add_fast_path(impl_->record.table, port, *container);
    const std::string doing = fmt::format("publish port {}", port.host_port);
    try {
        nft.apply(add, doing);
    } catch (const Error& error) {
        if (!same_place_taken(error)) throw;
        // It led to another container before: replaced in one transaction.
        nft.apply(stack::network::remove_fast_path(impl_->record.table, port) + add, doing);
    }
    return true;
}

void Hub::remove_fast_path(const PublishedPort& port) {
    const std::lock_guard guard{impl_->mutex};
    if (!impl_->has_uplink() || !(port.host_ip.empty() || Ipv4::parse(port.host_ip))) return;
    try {
        impl_->host_nft().apply(stack::network::remove_fast_path(impl_->record.table, port),
                                fmt::format("stop publishing port {}", port.host_port));
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::not_found) throw;
    }
}

void remove_hub(const HubOptions& options) {
    const NetworkStore store{options.data_directory};
    const FileLock lock = store.lock();
    std::exception_ptr first;
    const auto attempt = [&](const std::function<void()>& step) {
        try {
            step();
        } catch (...) {
            if (!first) first = std::current_exception();
        }
    };
    attempt([&] {
        const std::optional<HubRecord> record = store.find_hub(options.project);
        if (record && !record->uplink.empty() && record->boot == boot_id())
            attempt([&] { remove_host_side(*record); });
        attempt([&] { unpin_namespace(record ? record->pin : pin_path(options)); });
    });
    attempt([&] {
        for (const NetworkRecord& network : store.networks()) {
            if (network.project == options.project) attempt([&] { store.remove_network(network.spec.name); });
        }
    });
    if (first) std::rethrow_exception(first);  // the hub's record stays: it names what is left
    store.remove_hub(options.project);
}

}  // namespace stack::network
