// `stack volume …` and `stack volumes`: volumes by their records.
#include "manager/cli/commands.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/prompt.hpp"
#include "manager/cli/table.hpp"
#include "manager/engine/project_store.hpp"
#include "manager/engine/volume_store.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using engine::VolumeRecord;
using nlohmann::json;

std::map<std::string, std::string> labels_of(const std::vector<std::string>& words) {
    std::map<std::string, std::string> labels;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        labels[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
    }
    return labels;
}

/// What `--filter` lets through; several of a kind widen it, as docker's do, kinds narrow it.
class VolumeFilter {
  public:
    VolumeFilter(const std::vector<std::string>& words, const engine::VolumeUsers& users) : users_{users} {
        for (const std::string& word : words) {
            const std::size_t equals = word.find('=');
            const std::string key = word.substr(0, equals);
            const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
            if (key == "name")
                names_.push_back(value);
            else if (key == "label")
                labels_.push_back(value);
            else if (key == "dangling" && (value == "true" || value == "false"))
                unused_ = value == "true";
            else
                throw Error{ErrorKind::invalid_input, fmt::format("unknown filter '{}'", word)}.with_hint(
                    "name=TEXT, label=KEY[=VALUE], dangling=true or dangling=false");
        }
    }

    [[nodiscard]] bool passes(const VolumeRecord& volume) const {
        const bool named = names_.empty() || std::any_of(names_.begin(), names_.end(), [&](const auto& text) {
                               return volume.name.find(text) != std::string::npos;
                           });
        return named && (!unused_ || users_.contains(volume.name) != *unused_) &&
               std::all_of(labels_.begin(), labels_.end(),
                           [&](const auto& label) { return has_label(volume, label); });
    }

  private:
    static bool has_label(const VolumeRecord& volume, const std::string& wanted) {
        const std::size_t equals = wanted.find('=');
        const auto found = volume.labels.find(wanted.substr(0, equals));
        if (found == volume.labels.end()) return false;
        return equals == std::string::npos || found->second == wanted.substr(equals + 1);
    }

    const engine::VolumeUsers& users_;
    std::vector<std::string> names_, labels_;
    std::optional<bool> unused_;
};

json volume_json(const Context& context, const VolumeRecord& volume) {
    const std::chrono::system_clock::time_point created{
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::nanoseconds{volume.created_ns})};
    json object = {{"Name", volume.name},     {"Driver", "local"},
                   {"Scope", "local"},        {"Mountpoint", engine::volume_data(context.paths, volume.name)},
                   {"Labels", volume.labels}, {"Options", json::object()}};
    if (volume.created_ns > 0) object["CreatedAt"] = format_time(created);
    return object;
}

/// The list in the layout asked for.
void print_volumes(const Context& context, const std::vector<VolumeRecord>& volumes,
                   const std::string& format, bool quiet) {
    std::string text;
    if (quiet) {
        for (const VolumeRecord& volume : volumes) text += volume.name + "\n";
    } else if (format == "json") {
        for (const VolumeRecord& volume : volumes) text += volume_json(context, volume).dump() + "\n";
    } else {
        std::vector<std::vector<std::string>> rows;
        rows.reserve(volumes.size());
        for (const VolumeRecord& volume : volumes) rows.push_back({"local", volume.name});
        text = format_table({"DRIVER", "VOLUME NAME"}, rows);
    }
    write_all(context.out.fd, text, "stdout");
}

int run_verb(const Context& context, const VolumeLsCommand& command) {
    const engine::VolumeUsers users = engine::volume_users(context.paths);
    const VolumeFilter filter{command.filters, users};
    std::vector<VolumeRecord> volumes = engine::list_volumes(context.paths);
    std::erase_if(volumes, [&](const VolumeRecord& volume) { return !filter.passes(volume); });
    print_volumes(context, volumes, command.format, command.quiet);
    return 0;
}

int run_verb(const Context& context, const VolumeInspectCommand& command) {
    json list = json::array();
    for (const std::string& name : command.names) {
        const std::optional<VolumeRecord> volume = engine::find_volume(context.paths, name);
        if (!volume) throw Error{ErrorKind::not_found, fmt::format("there is no volume \"{}\"", name)};
        list.push_back(volume_json(context, *volume));
    }
    write_all(context.out.fd, list.dump(4) + "\n", "stdout");
    return 0;
}

int run_verb(const Context& context, const VolumeCreateCommand& command) {
    VolumeRecord record;
    record.name = command.name.empty() ? random_hex(32) : command.name;
    record.anonymous = command.name.empty();
    record.labels = labels_of(command.labels);
    engine::create_volume(context.paths, record);
    write_all(context.out.fd, record.name + "\n", "stdout");
    return 0;
}

/// All are tried; the first failure is thrown at the end.
int run_verb(const Context& context, const VolumeRmCommand& command) {
    std::optional<Error> first;
    for (const std::string& name : command.names) {
        try {
            engine::remove_unused_volume(context.paths, name, command.force);
            write_all(context.out.fd, name + "\n", "stdout");
        } catch (const Error& error) {
            if (first)
                report_error(context, error);
            else
                first = error;
        }
    }
    if (first) throw Error{*first};
    return 0;
}

int run_verb(const Context& context, const VolumePruneCommand& command) {
    std::vector<std::string> labels;
    labels.reserve(command.filters.size());
    for (const std::string& filter : command.filters) {
        if (!filter.starts_with("label="))
            throw Error{ErrorKind::invalid_input, fmt::format("unknown filter '{}'", filter)}.with_hint(
                "such as --filter label=KEY=VALUE");
        labels.push_back(filter.substr(6));
    }
    if (!command.force &&
        !confirm(command.all ? "Remove all volumes that no container uses? [y/N] "
                             : "Remove all anonymous volumes that no container uses? [y/N] ",
                 "use --force"))
        return 0;
    std::string text;
    std::uint64_t freed = 0;
    for (const engine::RemovedVolume& volume :
         engine::prune_volumes(context.paths, command.all, labels_of(labels))) {
        text += volume.name + "\n";
        freed += volume.freed_bytes;
    }
    if (!text.empty()) text = "Deleted Volumes:\n" + text + "\n";
    write_all(context.out.fd, text + fmt::format("Total reclaimed space: {}\n", format_size(freed)),
              "stdout");
    return 0;
}

/// Real names of the volumes that these services' containers mount.
std::set<std::string> mounted_by(const engine::ProjectState& state,
                                 const std::vector<std::string>& services) {
    std::set<std::string> names;
    for (const engine::StoredContainer& container : state.containers)
        if (std::find(services.begin(), services.end(), container.record.service_name) != services.end())
            for (const engine::MountRecord& mount : container.record.mounts) names.insert(mount.volume_name);
    return names;
}

}  // namespace

int run_volume(const Context& context, const VolumeCommand& command) {
    return std::visit([&](const auto& verb) { return run_verb(context, verb); }, command);
}

int run_volumes(const Context& context, const VolumesCommand& command) {
    const std::string project = load_project_or_name(context).name;
    std::vector<VolumeRecord> volumes = engine::list_volumes(context.paths);
    std::erase_if(volumes, [&](const VolumeRecord& volume) { return volume.project != project; });
    if (!command.services.empty()) {
        const std::set<std::string> mounted =
            mounted_by(engine::load_project_state(context.paths, project), command.services);
        std::erase_if(volumes, [&](const VolumeRecord& volume) { return !mounted.contains(volume.name); });
    }
    print_volumes(context, volumes, command.format, command.quiet);
    return 0;
}

}  // namespace stack::cli
