// The commands on images that need no worker: ls, inspect, rm, tag.
#include "runtime/image/image_store.hpp"

#include "manager/cli/commands/image_commands.hpp"
#include "manager/cli/image_text.hpp"
#include "manager/cli/table.hpp"
#include "manager/engine/data_usage.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/units.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using nlohmann::json;

// --- ls ---

json summary_json(const ImageSummary& image, bool whole_id) {
    return {{"Repository", image.repository},           {"Tag", image.tag},
            {"ID", shown_image_id(image.id, whole_id)}, {"Digest", image.digest},
            {"CreatedAt", format_time(image.created)},  {"CreatedSince", shown_age(image.created)},
            {"Size", format_size(image.size)},          {"SizeBytes", image.size}};
}

std::string images_table(const std::vector<ImageSummary>& images, bool whole_id) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(images.size());
    for (const ImageSummary& image : images)
        rows.push_back({image.repository, image.tag, shown_image_id(image.id, whole_id),
                        shown_age(image.created), format_size(image.size)});
    return format_table({"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"}, rows);
}

// --- inspect ---

json healthcheck_json(const ImageHealthcheck& check) {
    return {{"Test", check.test},
            {"Interval", check.interval.count()},
            {"Timeout", check.timeout.count()},
            {"StartPeriod", check.start_period.count()},
            {"StartInterval", check.start_interval.count()},
            {"Retries", check.retries}};
}

json image_json(const Image& image) {
    const ImageConfig& config = image.config;
    json settings = {
        {"Entrypoint", config.entrypoint},  {"Cmd", config.cmd},       {"Env", config.env},
        {"WorkingDir", config.working_dir}, {"User", config.user},     {"ExposedPorts", config.exposed_ports},
        {"Volumes", config.volumes},        {"Labels", config.labels}, {"StopSignal", config.stop_signal}};
    if (config.healthcheck) settings["Healthcheck"] = healthcheck_json(*config.healthcheck);
    json tags = json::array();
    if (!image.reference.empty()) tags.push_back(image.reference);
    return {{"Id", image.id},
            {"Digest", image.digest},
            {"RepoTags", std::move(tags)},
            {"Created", config.created},
            {"Architecture", config.architecture},
            {"Os", config.os},
            {"Size", image.size},
            {"Config", std::move(settings)},
            {"RootFS", {{"Type", "layers"}, {"Layers", config.diff_ids}}},
            {"LayerPaths", image.layer_paths}};
}

// --- rm ---

std::string removal_text(const ImageRemoval& removal) {
    std::string text;
    for (const std::string& name : removal.untagged) text += "Untagged: " + name + "\n";
    for (const std::string& digest : removal.deleted)
        if (digest.starts_with("sha256:")) text += "Deleted: " + digest + "\n";
    return text;
}

}  // namespace

int run_image_verb(const Context& context, const ImageLsCommand& command) {
    const std::vector<ImageSummary> images = ImageStore{context.paths.data_root}.list();
    std::string text;
    if (command.quiet) {
        std::vector<std::string> ids;
        ids.reserve(images.size());
        for (const ImageSummary& image : images) ids.push_back(shown_image_id(image.id, command.no_trunc));
        text = id_lines(ids);
    } else if (command.format == "table") {
        text = images_table(images, command.no_trunc);
    } else {
        for (const ImageSummary& image : images) text += summary_json(image, command.no_trunc).dump() + "\n";
    }
    write_all(context.out.fd, text, "stdout");
    return 0;
}

int run_image_verb(const Context& context, const ImageInspectCommand& command) {
    const ImageStore store{context.paths.data_root};
    json result = json::array();
    for (const std::string& name : command.names) result.push_back(image_json(store.get(name)));
    write_all(context.out.fd, result.dump(4) + "\n", "stdout");
    return 0;
}

/// All names are tried; the first failure is thrown at the end.
int run_image_verb(const Context& context, const ImageRmCommand& command) {
    const ImageStore store{context.paths.data_root};
    std::optional<Error> first;
    for (const std::string& name : command.names) {
        try {
            const ImageRemoval removal = store.remove(
                name, [&] { return engine::images_in_use(context.paths); }, command.force);
            write_all(context.out.fd, removal_text(removal), "stdout");
        } catch (Error& error) {
            if (command.force && error.kind() == ErrorKind::not_found) continue;
            if (!first) first = error.add_context(fmt::format("cannot remove image \"{}\"", name));
        }
    }
    if (first) throw Error{*first};
    return 0;
}

int run_image_verb(const Context& context, const ImageTagCommand& command) {
    ImageStore{context.paths.data_root}.tag(command.name, command.new_reference);
    return 0;
}

}  // namespace stack::cli
