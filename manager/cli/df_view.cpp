#include "manager/cli/df_view.hpp"

#include "manager/cli/image_text.hpp"
#include "manager/cli/table.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using nlohmann::json;

/// One line of the table.
struct Part {
    std::string type;
    std::size_t total = 0, active = 0;
    std::uint64_t bytes = 0, shared = 0, reclaimable = 0;
};

template <class List>
std::uint64_t sum_of(const List& list) {
    std::uint64_t sum = 0;
    for (const auto& one : list) sum += one.bytes;
    return sum;
}

template <class List>
std::uint64_t shared_of(const List& list) {
    std::uint64_t sum = 0;
    for (const auto& one : list)
        if (one.images > 1) sum += one.bytes;
    return sum;
}

Part images_part(const DfView& view) {
    const StoreUsage& store = view.usage.store;
    Part part{"Images", store.images.size()};
    for (const ImageUse& image : store.images)
        if (!image.container.empty()) ++part.active;
    part.bytes = sum_of(store.layers) + sum_of(store.blobs);
    part.shared = shared_of(store.layers) + shared_of(store.blobs);
    part.reclaimable = view.unused_bytes;
    return part;
}

Part containers_part(const DfView& view) {
    Part part{"Containers", view.usage.containers.size()};
    for (const engine::ContainerUse& container : view.usage.containers) {
        part.bytes += container.bytes();
        if (container.running)
            ++part.active;
        else
            part.reclaimable += container.bytes();
    }
    return part;
}

Part volumes_part(const DfView& view) {
    Part part{"Volumes", view.usage.volumes.size()};
    for (const engine::VolumeUse& volume : view.usage.volumes) {
        part.bytes += volume.bytes;
        if (volume.containers.empty())
            part.reclaimable += volume.bytes;
        else
            ++part.active;
    }
    return part;
}

std::vector<Part> parts_of(const DfView& view) {
    const StoreUsage& store = view.usage.store;
    std::vector<Part> parts{images_part(view), containers_part(view), volumes_part(view)};
    for (const auto& [type, list] : {std::pair{"Interrupted pulls", &store.downloads},
                                     std::pair{"Interrupted imports", &store.leftovers}}) {
        const std::uint64_t bytes = sum_of(*list);
        parts.push_back({type, list->size(), 0, bytes, 0, bytes});
    }
    parts.push_back({"Records", 0, 0, store.frame_bytes + view.usage.record_bytes});
    return parts;
}

std::string share(std::uint64_t part, std::uint64_t whole) {
    if (part == 0 || whole == 0) return format_size(part);
    return fmt::format("{} ({}%)", format_size(part), 100 * std::min(part, whole) / whole);
}

std::string why_kept(const ImageUse& image) {
    if (!image.container.empty()) return fmt::format("container {}", image.container);
    return image.references.empty() ? "nothing: gc removes it" : "its name";
}

std::string why_kept(const engine::VolumeUse& volume) {
    if (!volume.containers.empty()) return fmt::format("container {}", join(volume.containers, ", "));
    return volume.record.anonymous ? "nothing: `volume prune` removes it" : "its name";
}

std::string image_details(const StoreUsage& store) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(store.images.size());
    for (const ImageUse& image : store.images)
        rows.push_back({image.references.empty() ? "<none>" : join(image.references, ", "),
                        shown_image_id(image.id), shown_age(image.created), format_size(image.bytes()),
                        format_size(image.shared_bytes), format_size(image.unique_bytes), why_kept(image)});
    return format_table({"IMAGE", "ID", "CREATED", "SIZE", "SHARED", "UNIQUE", "KEPT BY"}, rows);
}

std::string container_details(const engine::DataUsage& usage) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(usage.containers.size());
    for (const engine::ContainerUse& container : usage.containers)
        rows.push_back({container.name.empty() ? container.id.substr(0, 12) : container.name,
                        container.running ? "running" : "stopped", format_size(container.writable_bytes),
                        format_size(container.log_bytes), format_size(container.record_bytes),
                        fmt::format("project {}", container.project)});
    return format_table({"CONTAINER", "STATE", "WRITTEN", "LOGS", "RECORDS", "KEPT BY"}, rows);
}

std::string volume_details(const engine::DataUsage& usage) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(usage.volumes.size());
    for (const engine::VolumeUse& volume : usage.volumes)
        rows.push_back({volume.record.name, format_size(volume.bytes), why_kept(volume)});
    return format_table({"VOLUME", "SIZE", "KEPT BY"}, rows);
}

json part_json(const Part& part) {
    return {{"Type", part.type},  {"TotalCount", part.total}, {"Active", part.active},
            {"Size", part.bytes}, {"Shared", part.shared},    {"Reclaimable", part.reclaimable}};
}

}  // namespace

std::string df_table(const DfView& view) {
    std::vector<std::vector<std::string>> rows;
    for (const Part& part : parts_of(view)) {
        const bool counted = part.type != "Records";
        rows.push_back({part.type, counted ? std::to_string(part.total) : "",
                        counted ? std::to_string(part.active) : "", format_size(part.bytes),
                        format_size(part.shared), share(part.reclaimable, part.bytes)});
    }
    rows.push_back({"Sum", "", "", format_size(view.usage.total_bytes), "", ""});
    return format_table({"TYPE", "TOTAL", "ACTIVE", "SIZE", "SHARED", "RECLAIMABLE"}, rows) +
           fmt::format("\n`stack gc` would free {}.\n", format_size(view.gc_bytes));
}

std::string df_details(const DfView& view) {
    return fmt::format("{}\n{}\n{}", image_details(view.usage.store), container_details(view.usage),
                       volume_details(view.usage));
}

std::string df_json(const DfView& view) {
    json result = {{"Size", view.usage.total_bytes}, {"GcFrees", view.gc_bytes}};
    for (const Part& part : parts_of(view)) result["Parts"].push_back(part_json(part));
    for (const ImageUse& image : view.usage.store.images)
        result["Images"].push_back({{"ID", image.id},
                                    {"Digest", image.digest},
                                    {"References", image.references},
                                    {"Size", image.bytes()},
                                    {"Shared", image.shared_bytes},
                                    {"Unique", image.unique_bytes},
                                    {"KeptBy", why_kept(image)}});
    for (const engine::ContainerUse& container : view.usage.containers)
        result["Containers"].push_back({{"ID", container.id},
                                        {"Name", container.name},
                                        {"Project", container.project},
                                        {"Running", container.running},
                                        {"Size", container.bytes()}});
    for (const engine::VolumeUse& volume : view.usage.volumes)
        result["Volumes"].push_back({{"Name", volume.record.name},
                                     {"Containers", volume.containers},
                                     {"Size", volume.bytes},
                                     {"KeptBy", why_kept(volume)}});
    for (const char* list : {"Images", "Containers", "Volumes"})
        if (!result.contains(list)) result[list] = json::array();
    return result.dump() + "\n";
}

}  // namespace stack::cli
