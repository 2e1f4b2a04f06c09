#include "manager/engine/cdi_file.hpp"

#include "manager/compose/document.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"
#include "manager/compose/value_forms.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace stack::engine {

namespace {

using compose::Entry;
using compose::Node;
using compose::Tree;

constexpr std::size_t kMaxBytes = 1u << 20;
constexpr std::array<std::string_view, 10> kVersions{"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
                                                     "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};

class CdiReader {
  public:
    CdiReader(const Tree& tree, CdiFile& file) : tree_{tree}, file_{file} {}

    void read(const Node& root) {
        read_version(root);
        file_.kind = text(root, "kind");
        if (!compose::is_device_kind(file_.kind))
            fail(root, fmt::format("\"{}\" is no kind of device", file_.kind),
                 "it is written as vendor.com/class");
        if (const Node* edits = member(root, "containerEdits")) file_.edits = read_edits(*edits);
        const Node* devices = member(root, "devices");
        if (!devices || !devices->is_sequence() || devices->count == 0)
            fail(root, "it has no list of devices");
        for (const Entry& entry : devices->items()) read_device(*entry.value);
    }

  private:
    [[noreturn]] void fail(const Node& where, std::string message, std::string hint = {},
                           ErrorKind kind = ErrorKind::invalid_input) const {
        const compose::Position at = tree_.position(where);
        Error error{kind, std::move(message)};
        error.add_context("reading a device specification").at({at.file, at.line, at.column});
        if (!hint.empty()) error.with_hint(std::move(hint));
        throw error;
    }

    static const Node* member(const Node& map, std::string_view key) {
        return compose::usable_member(map, key);
    }

    std::string text(const Node& map, std::string_view key) const {
        const Node* value = member(map, key);
        if (!value) return {};
        if (!value->is_scalar()) fail(*value, fmt::format("{} is no text", key));
        return std::string{value->text};
    }
    std::string required(const Node& map, std::string_view key) const {
        std::string value = text(map, key);
        if (value.empty()) fail(map, fmt::format("{} is missing", key));
        return value;
    }
    std::string absolute(const Node& map, std::string_view key) const {
        std::string path = required(map, key);
        if (path.front() != '/') fail(*member(map, key), fmt::format("{} \"{}\" is not absolute", key, path));
        return path;
    }
    std::vector<std::string> texts(const Node& map, std::string_view key) const {
        const Node* list = member(map, key);
        if (!list) return {};
        if (!list->is_sequence()) fail(*list, fmt::format("{} is no list", key));
        std::vector<std::string> result;
        for (const Entry& entry : list->items()) {
            if (!entry.value->is_scalar()) fail(*entry.value, fmt::format("an entry of {} is no text", key));
            result.emplace_back(entry.value->text);
        }
        return result;
    }
    std::optional<std::int64_t> number(const Node& map, std::string_view key) const {
        const Node* value = member(map, key);
        if (!value) return std::nullopt;
        const auto result = value->is_scalar() ? parse_int(value->text) : std::nullopt;
        if (!result || *result < 0 || *result > std::numeric_limits<std::uint32_t>::max())
            fail(*value, fmt::format("{} is no whole number of 0 or more", key));
        return *result;
    }
    template <class T>
    std::optional<T> number_as(const Node& map, std::string_view key) const {
        const auto value = number(map, key);
        return value ? std::optional{static_cast<T>(*value)} : std::nullopt;
    }
    template <class Visit>
    void each_map(const Node& map, std::string_view key, Visit visit) const {
        const Node* list = member(map, key);
        if (!list) return;
        if (!list->is_sequence()) fail(*list, fmt::format("{} is no list", key));
        for (const Entry& entry : list->items()) {
            if (!entry.value->is_mapping()) fail(*entry.value, fmt::format("an entry of {} is no map", key));
            visit(*entry.value);
        }
    }

    void read_version(const Node& root) {
        std::string version = text(root, "cdiVersion");
        if (version.starts_with('v')) version.erase(0, 1);
        if (std::find(kVersions.begin(), kVersions.end(), version) == kVersions.end())
            fail(root, fmt::format("CDI version \"{}\" is not known", version),
                 fmt::format("the versions up to {} are", kVersions.back()), ErrorKind::not_supported);
    }

    void read_device(const Node& map) {
        if (!map.is_mapping()) fail(map, "a device is no map");
        const std::string name = text(map, "name");
        if (!compose::is_device_name(name)) fail(map, fmt::format("\"{}\" is no name of a device", name));
        const Node* edits = member(map, "containerEdits");
        if (!edits) fail(map, fmt::format("device \"{}\" edits nothing", name));
        if (!file_.devices.emplace(name, read_edits(*edits)).second)
            fail(map, fmt::format("there are two devices \"{}\"", name));
    }

    CdiEdits read_edits(const Node& map) {
        if (!map.is_mapping()) fail(map, "containerEdits is no map");
        CdiEdits edits;
        for (const Entry& entry : map.items()) {
            static constexpr std::array<std::string_view, 6> kKnown{"env",   "deviceNodes",    "mounts",
                                                                    "hooks", "additionalGids", "netDevices"};
            if (std::find(kKnown.begin(), kKnown.end(), entry.key->text) == kKnown.end())
                fail(*entry.key, fmt::format("the edit {} is not supported", entry.key->text), {},
                     ErrorKind::not_supported);
        }
        edits.env = texts(map, "env");
        for (const std::string& variable : edits.env)
            if (variable.find('=') == std::string::npos || variable.front() == '=')
                fail(*member(map, "env"), fmt::format("\"{}\" is no variable", variable), "write NAME=VALUE");
        each_map(map, "deviceNodes", [&](const Node& node) { edits.nodes.push_back(read_node(node)); });
        each_map(map, "mounts", [&](const Node& mount) { edits.mounts.push_back(read_mount(mount)); });
        each_map(map, "hooks", [&](const Node& hook) { read_hook(hook, edits.hooks); });
        each_map(map, "netDevices", [&](const Node& device) {
            edits.net_devices[required(device, "hostInterfaceName")] = required(device, "name");
        });
        for (const std::string& gid : texts(map, "additionalGids")) {
            const auto value = parse_int(gid);
            if (!value || *value < 0 || *value >= std::numeric_limits<std::uint32_t>::max())
                fail(*member(map, "additionalGids"), fmt::format("\"{}\" is no group id", gid));
            if (*value != 0) edits.additional_gids.push_back(static_cast<std::uint32_t>(*value));
        }
        return edits;
    }

    CdiDeviceNode read_node(const Node& map) {
        CdiDeviceNode node;
        node.path = absolute(map, "path");
        node.host_path = member(map, "hostPath") ? absolute(map, "hostPath") : node.path;
        const std::string type = text(map, "type");
        if (type.size() > 1 || std::string_view{"bcup"}.find(type) == std::string_view::npos)
            fail(map, fmt::format("\"{}\" is no type of device", type), "it is b, c or p");
        if (!type.empty()) node.type = type == "u" ? 'c' : type.front();
        node.major = number(map, "major");
        node.minor = number(map, "minor");
        if (const auto mode = number_as<mode_t>(map, "fileMode")) node.mode = *mode & 0777;
        node.permissions = text(map, "permissions");
        if (node.permissions.find_first_not_of("rwm") != std::string::npos)
            fail(map, fmt::format("permissions \"{}\" are not of r, w and m", node.permissions));
        if (node.permissions.empty()) node.permissions = "rwm";
        node.uid = number_as<std::uint32_t>(map, "uid");
        node.gid = number_as<std::uint32_t>(map, "gid");
        return node;
    }

    MountSpec read_mount(const Node& map) {
        MountSpec mount;
        mount.source = required(map, "hostPath");
        mount.destination = absolute(map, "containerPath");
        mount.type = text(map, "type");
        mount.options = texts(map, "options");
        const auto says = [&mount](const char* option) {
            return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
        };
        if (mount.type.empty() || mount.type == "none" || says("bind") || says("rbind")) {
            mount.type = "bind";
            static_cast<void>(absolute(map, "hostPath"));
            if (!says("bind") && !says("rbind")) mount.options.insert(mount.options.begin(), "rbind");
        }
        const compose::Position at = tree_.position(map);
        mount.origin = SourcePosition{at.file, at.line, at.column}.text();
        return mount;
    }

    void read_hook(const Node& map, HookSpecs& hooks) {
        HookSpec hook;
        hook.path = absolute(map, "path");
        hook.args = texts(map, "args");
        hook.env = texts(map, "env");
        if (const auto seconds = number(map, "timeout"); seconds && *seconds > 0)
            hook.timeout_seconds = seconds;
        const std::string name = text(map, "hookName");
        const std::pair<std::string_view, std::vector<HookSpec>*> lists[] = {
            {"prestart", &hooks.prestart},
            {"createRuntime", &hooks.create_runtime},
            {"createContainer", &hooks.create_container},
            {"startContainer", &hooks.start_container},
            {"poststart", &hooks.poststart},
            {"poststop", &hooks.poststop}};
        for (const auto& [known, list] : lists)
            if (name == known) return list->push_back(std::move(hook));
        fail(map, fmt::format("there is no hook \"{}\"", name));
    }

    const Tree& tree_;
    CdiFile& file_;
};

}  // namespace

std::optional<CdiName> parse_cdi_name(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (!compose::is_qualified_device(text)) return std::nullopt;
    return CdiName{std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)}};
}

CdiFile parse_cdi_file(const std::string& text, const std::string& path) {
    CdiFile file;
    file.path = path;
    if (text.size() > kMaxBytes)
        throw Error{ErrorKind::invalid_input, "the device specification is larger than 1 MiB"}.at(
            {path, 0, 0});
    Tree tree;
    compose::Reporter reporter;
    compose::DocumentBudget budget;
    const std::uint32_t index = tree.add_file(path, std::make_shared<const std::string>(text));
    const std::vector<Node*> roots = compose::parse_documents(tree, index, budget, reporter);
    if (reporter.failed()) {
        const compose::Diagnostic first = reporter.take({path}).front();
        throw Error{ErrorKind::invalid_input, first.message}
            .add_context("reading a device specification")
            .at({first.position.file, first.position.line, first.position.column});
    }
    if (roots.size() != 1 || !roots.front()->is_mapping())
        throw Error{ErrorKind::invalid_input, "the device specification is no map"}.at({path, 1, 1});
    CdiReader{tree, file}.read(*roots.front());
    return file;
}

}  // namespace stack::engine
