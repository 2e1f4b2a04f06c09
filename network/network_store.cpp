#include "network/network_store.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::network {

using Json = nlohmann::json;

namespace {

constexpr int kVersion = 1;
constexpr std::size_t kRecordLimit = 4u << 20;
constexpr std::string_view kSuffix = ".json";

// Names become file names: no separators, no hidden files, and no room for the temporary files beside them.
void check_name(const std::string& name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '.' || c == '-';
    };
    const bool good = !name.empty() && name.size() <= 200 && name[0] != '.' && name[0] != '-' &&
                      std::all_of(name.begin(), name.end(), allowed);
    if (!good)
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is no name for a network", name)}.with_hint(
            "use letters, digits, '_', '.' and '-', starting with a letter or digit");
}

Json to_json(const NetworkRecord& record) {
    const NetworkSpec& spec = record.spec;
    return Json{{"version", kVersion},       {"project", record.project}, {"name", spec.name},
                {"key", spec.key},           {"subnet", spec.subnet},     {"gateway", spec.gateway},
                {"ip_range", spec.ip_range}, {"reserved", spec.reserved}, {"internal", spec.internal},
                {"mtu", spec.mtu},           {"bridge", record.bridge},   {"routed", record.routed},
                {"leases", record.leases}};
}

NetworkRecord network_from_json(const Json& json) {
    NetworkRecord record;
    record.project = json.at("project").get<std::string>();
    record.spec.name = json.at("name").get<std::string>();
    record.spec.key = json.at("key").get<std::string>();
    record.spec.subnet = json.at("subnet").get<std::string>();
    record.spec.gateway = json.at("gateway").get<std::string>();
    record.spec.ip_range = json.at("ip_range").get<std::string>();
    record.spec.reserved = json.at("reserved").get<std::vector<std::string>>();
    record.spec.internal = json.at("internal").get<bool>();
    record.spec.mtu = json.at("mtu").get<int>();
    record.bridge = json.at("bridge").get<std::string>();
    record.routed = json.at("routed").get<bool>();
    record.leases = json.at("leases").get<std::map<std::string, std::string>>();
    return record;
}

Json to_json(const HubRecord& record) {
    return Json{{"version", kVersion},        {"project", record.project},
                {"boot", record.boot},        {"pin", record.pin},
                {"uplink", record.uplink},    {"table", record.table},
                {"link", record.link.text()}, {"foreign_chains", record.foreign_chains},
                {"complete", record.complete}};
}

HubRecord hub_from_json(const Json& json) {
    HubRecord record;
    record.project = json.at("project").get<std::string>();
    record.boot = json.at("boot").get<std::string>();
    record.pin = json.at("pin").get<std::string>();
    record.uplink = json.at("uplink").get<std::string>();
    record.table = json.at("table").get<std::string>();
    const std::optional<Prefix> link = Prefix::parse(json.at("link").get<std::string>());
    if (!link) throw Error{ErrorKind::failed, "malformed link prefix"};
    record.link = *link;
    record.foreign_chains = json.at("foreign_chains").get<std::vector<std::string>>();
    record.complete = json.at("complete").get<bool>();
    return record;
}

template <class Record>
std::optional<Record> load(const std::string& path, Record (*decode)(const Json&)) {
    const std::optional<std::string> text = read_file_if_exists(path, kRecordLimit);
    if (!text) return std::nullopt;
    try {
        const Json json = Json::parse(*text);
        if (const int version = json.at("version").get<int>(); version != kVersion)
            throw Error{ErrorKind::not_supported,
                        fmt::format("record has version {}, known is {}", version, kVersion)};
        return decode(json);
    } catch (const Json::exception& error) {
        throw Error{ErrorKind::failed, error.what()}.add_context(fmt::format("read record '{}'", path));
    } catch (Error& error) {
        throw std::move(error.add_context(fmt::format("read record '{}'", path)));
    }
}

template <class Record>
std::vector<Record> load_all(const std::string& directory, Record (*decode)(const Json&)) {
    std::vector<Record> result;
    for (const std::string& file : list_directory(directory)) {
        if (!file.ends_with(kSuffix)) continue;
        try {
            if (std::optional<Record> record = load(directory + "/" + file, decode))
                result.push_back(std::move(*record));
        } catch (const Error&) {  // found again, and then reported, by whoever asks for this one by name
        }
    }
    return result;
}

void remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno(fmt::format("remove '{}'", path));
}

}  // namespace

NetworkStore::NetworkStore(std::string directory) : directory_{std::move(directory)} {}

std::string NetworkStore::network_path(const std::string& name) const {
    check_name(name);
    return fmt::format("{}/networks/{}{}", directory_, name, kSuffix);
}

std::string NetworkStore::hub_path(const std::string& project) const {
    check_name(project);
    return fmt::format("{}/hubs/{}{}", directory_, project, kSuffix);
}

FileLock NetworkStore::lock() const {
    make_directories(directory_ + "/networks");
    make_directories(directory_ + "/hubs");
    return FileLock::acquire(directory_ + "/networks.lock");
}

std::optional<NetworkRecord> NetworkStore::find_network(const std::string& name) const {
    return load<NetworkRecord>(network_path(name), network_from_json);
}

std::optional<HubRecord> NetworkStore::find_hub(const std::string& project) const {
    return load<HubRecord>(hub_path(project), hub_from_json);
}

std::vector<NetworkRecord> NetworkStore::networks() const {
    return load_all<NetworkRecord>(directory_ + "/networks", network_from_json);
}

std::vector<HubRecord> NetworkStore::hubs() const {
    return load_all<HubRecord>(directory_ + "/hubs", hub_from_json);
}

// Addresses and subnets are chosen anew after a power cut if need be: surviving a crash is enough.
void NetworkStore::save(const NetworkRecord& record) const {
    write_file_atomically(network_path(record.spec.name), to_json(record).dump(1) + "\n", Durability::crash);
}

void NetworkStore::save(const HubRecord& record) const {
    write_file_atomically(hub_path(record.project), to_json(record).dump(1) + "\n", Durability::crash);
}

void NetworkStore::remove_network(const std::string& name) const {
    remove_file(network_path(name));
}

void NetworkStore::remove_hub(const std::string& project) const {
    remove_file(hub_path(project));
}

}  // namespace stack::network
