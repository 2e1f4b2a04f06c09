#include "manager/engine/shared_namespaces.hpp"

#include "manager/plan/blame.hpp"
#include "manager/plan/spec_builder.hpp"
#include "runtime/base/error.hpp"
#include "runtime/shared_memory.hpp"

#include <fcntl.h>

#include <string_view>

#include <fmt/format.h>

namespace stack::engine {

namespace {

// `service:db` or `container:shop-db-1`.
struct Reference {
    bool by_service = false;
    std::string name;

    [[nodiscard]] bool means(const ContainerRecord& record) const {
        return by_service ? record.service_name == name && !record.oneoff : record.name == name;
    }
};

std::optional<Reference> reference_of(std::string_view mode) {
    for (const std::string_view word : {"service:", "container:"})
        if (mode.starts_with(word))
            return Reference{word == "service:", std::string{mode.substr(word.size())}};
    return std::nullopt;
}

Error refusal(const ContainerRecord& container, const char* key, const Reference& wanted, const char* why) {
    return plan::blame(Error{ErrorKind::conflict,
                             fmt::format("{} \"{}\", whose {} is to be shared, {}",
                                         wanted.by_service ? "service" : "container", wanted.name,
                                         std::string_view{key} == "network_mode" ? "network" : key, why)},
                       container.service, key);
}

UniqueFd open_namespace(const NamespaceOwner& owner, const char* kind, const char* key,
                        const ContainerRecord& container) {
    UniqueFd space{
        ::open(fmt::format("/proc/{}/ns/{}", owner.init->pid(), kind).c_str(), O_RDONLY | O_CLOEXEC)};
    // Opened by number: it is the right one if the process that had it still lives.
    if (space.valid() && owner.init->alive()) return space;
    throw plan::blame(
        Error{ErrorKind::conflict, fmt::format("container \"{}\" has just ended", owner.record->name)},
        container.service, key);
}

// Unlike the others this namespace is its owner's alone unless it says so.
void require_shareable_ipc(const NamespaceOwner& owner, const ContainerRecord& container) {
    const std::string& mode = owner.record->service.ipc_mode;
    if (mode.empty() || mode == "private" || mode == "none")
        throw refusal(container, "ipc", *reference_of(container.service.ipc_mode), "shares it with nobody")
            .with_hint("give it `ipc: shareable`");
}

}  // namespace

std::optional<NamespaceOwner> find_owner(const ContainerRecord& container, const char* key,
                                         const std::string& mode,
                                         const std::vector<NamespaceOwner>& running) {
    const std::optional<Reference> wanted = reference_of(mode);
    if (!wanted) return std::nullopt;
    std::optional<NamespaceOwner> found;
    for (const NamespaceOwner& other : running)
        if (wanted->means(*other.record) && other.record->id != container.id &&
            (!found || other.record->number < found->record->number))
            found = other;
    if (!found) throw refusal(container, key, *wanted, "is not running");
    if (found->record->service.user_namespace_ids > 0)
        throw refusal(container, key, *wanted, "has a user namespace of its own")
            .with_hint("give both the host's by userns_mode: host");
    return found;
}

bool shares_network(const compose::Service& service) {
    return reference_of(service.network_mode).has_value();
}

bool shares_namespaces(const compose::Service& service) {
    return shares_network(service) || reference_of(service.pid_mode) || reference_of(service.ipc_mode);
}

const ContainerRecord* network_owner(const ContainerRecord& container,
                                     const std::vector<ContainerRecord>& others) {
    const ContainerRecord* owner = &container;
    for (std::size_t steps = 0; owner && steps <= others.size(); ++steps) {
        const std::optional<Reference> wanted = reference_of(owner->service.network_mode);
        if (!wanted) return owner == &container ? nullptr : owner;
        const ContainerRecord* next = nullptr;
        for (const ContainerRecord& other : others)
            if (wanted->means(other) && (!next || other.number < next->number)) next = &other;
        owner = next;
    }
    return nullptr;
}

void SharedNamespaces::give_to(LaunchFds& fds) const {
    if (pid.valid()) fds.named["pid"] = pid.get();
    if (ipc.valid()) fds.named["ipc"] = ipc.get();
    if (shared_memory.valid()) fds.named["shm"] = shared_memory.get();
    if (network.valid()) fds.network_namespace = network.get();
}

SharedNamespaces open_shared_namespaces(const ContainerRecord& container,
                                        const std::vector<NamespaceOwner>& running) {
    SharedNamespaces shared;
    const compose::Service& service = container.service;
    if (const auto owner = find_owner(container, "pid", service.pid_mode, running))
        shared.pid = open_namespace(*owner, "pid", "pid", container);
    if (const auto owner = find_owner(container, "network_mode", service.network_mode, running))
        shared.network = open_namespace(*owner, "net", "network_mode", container);
    if (const auto owner = find_owner(container, "ipc", service.ipc_mode, running)) {
        require_shareable_ipc(*owner, container);
        shared.ipc = open_namespace(*owner, "ipc", "ipc", container);
        shared.shared_memory = open_shared_memory(*owner->init);
    }
    return shared;
}

}  // namespace stack::engine
