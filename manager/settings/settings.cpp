#include "manager/settings/settings.hpp"

#include "manager/compose/document.hpp"
#include "manager/compose/node_reporter.hpp"
#include "manager/compose/node_values.hpp"
#include "manager/compose/source_reader.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::settings {

namespace {

using compose::Entry;
using compose::Node;

constexpr std::size_t kMaxFileBytes = 1u << 20;
constexpr std::string_view kKindNames[] = {"nothing", "text", "a list", "a map"};

/// `docker.io`, `registry.lan:5000`, `[::1]:5000`: what stands before the first slash of an image's name.
bool is_registry_name(std::string_view text) {
    return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
    });
}

bool is_address(std::string_view text) {
    for (const std::string_view scheme : {"http://", "https://"})
        if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
    return text.find("://") == std::string_view::npos && is_registry_name(text.substr(0, text.find('/')));
}

bool has_scheme(std::string_view text) {
    return text.starts_with("http://") || text.starts_with("https://");
}

class SettingsReader {
  public:
    SettingsReader(const compose::Tree& tree, compose::Reporter& reporter, Settings& settings)
        : reporter_{tree, reporter}, settings_{settings} {}

    void read(Node& root) {
        for (const Entry& entry : members(root, "the file", {"registries"}))
            for (const Entry& registry : members(*entry.value, "registries", {}))
                read_registry(std::string{registry.key->text}, *registry.key, *registry.value);
    }

  private:
    /// The members of a map whose keys are among `known` (empty: any); everything else is reported.
    std::vector<Entry> members(Node& map, std::string_view place, const std::vector<std::string>& known) {
        std::vector<Entry> result;
        if (map.is_null() || !expect_kind(map, compose::NodeKind::mapping, place)) return result;
        for (const Entry& entry : map.items()) {
            const std::string key{entry.key->text};
            if (known.empty() || std::find(known.begin(), known.end(), key) != known.end()) {
                result.push_back(entry);
                continue;
            }
            const auto near = nearest(key, known);
            reporter_.error("unknown-key", fmt::format("unknown key \"{}\" in {}", key, place), *entry.key)
                .hint = near ? fmt::format("did you mean \"{}\"?", *near)
                             : fmt::format("the keys here are {}", join(known, " and "));
        }
        return result;
    }

    bool expect_kind(Node& value, compose::NodeKind kind, std::string_view place) {
        if (value.kind == kind) return true;
        reporter_.fault(
            value, fmt::format("{} must be {}, not {}", place, kKindNames[static_cast<std::size_t>(kind)],
                               kKindNames[static_cast<std::size_t>(value.kind)]));
        return false;
    }

    void read_registry(const std::string& name, Node& key, Node& value) {
        if (!is_registry_name(name))
            reporter_.fault(key, fmt::format("\"{}\" is no registry", name)).hint =
                "a registry is written as in the name of an image: HOST or HOST:PORT";
        const std::string place = fmt::format("registries.{}", name);
        Registry registry;
        for (const Entry& entry : members(value, place, {"mirrors", "insecure"})) {
            const std::string member = fmt::format("{}.{}", place, entry.key->text);
            if (entry.key->text == "insecure")
                registry.insecure = read_switch(*entry.value, member);
            else
                registry.mirrors = read_mirrors(*entry.value, member);
        }
        settings_.registries[name] = std::move(registry);
    }

    bool read_switch(Node& value, const std::string& place) {
        if (value.is_scalar() && (value.text == "true" || value.text == "false")) return value.text == "true";
        reporter_.fault(value, fmt::format("{} must be true or false", place));
        return false;
    }

    std::vector<std::string> read_mirrors(Node& value, const std::string& place) {
        std::vector<std::string> mirrors;
        if (!expect_kind(value, compose::NodeKind::sequence, place)) return mirrors;
        for (const Entry& item : value.items()) {
            const std::string address{item.value->text};
            if (!item.value->is_scalar() || !is_address(address))
                reporter_
                    .fault(*item.value, fmt::format("{}: \"{}\" is no address of a registry", place, address))
                    .hint = "such as https://mirror.example";
            else
                mirrors.push_back(has_scheme(address) ? address : "https://" + address);
        }
        return mirrors;
    }

    compose::NodeReporter reporter_;
    Settings& settings_;
};

std::string value_of(const std::map<std::string, std::string>& environment, const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string{} : found->second;
}

}  // namespace

Loaded load(const std::vector<std::string>& files) {
    Loaded result;
    compose::Reporter reporter;
    compose::SourceReader source_reader{"", kMaxFileBytes};
    compose::DocumentBudget budget;
    for (const std::string& file : files) {
        const auto text = source_reader.read(file);
        if (const auto* problem = std::get_if<std::string>(&text)) {
            reporter.error("settings-file", *problem, {file, 0, 0});
            continue;
        }
        const auto& content = std::get<compose::SourceReader::Text>(text);
        if (!content) continue;
        compose::Tree tree;
        const std::uint32_t number = tree.add_file(file, content);
        SettingsReader reader{tree, reporter, result.settings};
        for (Node* root : parse_documents(tree, number, budget, reporter)) reader.read(*root);
    }
    result.diagnostics = reporter.take(files);
    result.sources = std::move(source_reader.sources);
    return result;
}

std::string user_directory(const std::map<std::string, std::string>& environment) {
    if (const std::string base = value_of(environment, "XDG_CONFIG_HOME"); base.starts_with('/'))
        return base + "/stack";
    const std::string home = value_of(environment, "HOME");
    return home.empty() ? std::string{} : home + "/.config/stack";
}

std::vector<std::string> file_names(const std::map<std::string, std::string>& environment) {
    std::vector<std::string> names{"/etc/stack/config.yaml"};
    if (const std::string user = user_directory(environment); !user.empty())
        names.push_back(user + "/config.yaml");
    return names;
}

}  // namespace stack::settings
