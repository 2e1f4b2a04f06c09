// `stack images`: the images that a project's containers were made from, by their records.
#include "manager/cli/commands.hpp"
#include "manager/cli/image_text.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/table.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/units.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/image/platform.hpp"
#include "runtime/image/reference.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using nlohmann::json;

/// A container and what its image says, as far as that is still there.
struct ProjectImage {
    std::string container, repository = "<none>", tag = "<none>";
    std::optional<Image> image;
};

ProjectImage look_at(const engine::ContainerRecord& record, const ImageStore& store) {
    ProjectImage result;
    result.container = record.name;
    try {
        const ImageReference reference = ImageReference::parse(record.image_reference);
        result.repository = reference.familiar_repository();
        if (!reference.tag.empty()) result.tag = reference.tag;
        result.image = store.find(record.image_digest);
    } catch (const Error&) {  // shown without what a damaged image says
    }
    return result;
}

std::vector<ProjectImage> images_of(const Context& context, const ImagesCommand& command) {
    const NamedProject named = load_project_or_name(context);
    const engine::ProjectState state = engine::load_project_state(context.paths, named.name);
    const auto has_container = [&](const std::string& service) {
        return std::any_of(state.containers.begin(), state.containers.end(),
                           [&](const auto& c) { return c.record.service_name == service; });
    };
    for (const std::string& name : command.services)
        if (!has_container(name) && !(named.project && (named.project->services.contains(name) ||
                                                        named.project->disabled_services.contains(name))))
            throw Error{ErrorKind::invalid_input, fmt::format("no such service: {}", name)};
    const ImageStore store{context.paths.data_root};
    std::vector<ProjectImage> result;
    for (const engine::StoredContainer& container : state.containers)
        if (command.services.empty() || std::find(command.services.begin(), command.services.end(),
                                                  container.record.service_name) != command.services.end())
            result.push_back(look_at(container.record, store));
    return result;
}

std::string table_of(const std::vector<ProjectImage>& images) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(images.size());
    for (const ProjectImage& one : images) {
        const std::optional<Image>& image = one.image;
        rows.push_back({one.container, one.repository, one.tag, image ? platform_text(image->platform) : "",
                        image ? shown_image_id(image->id) : "", image ? format_size(image->size) : "",
                        image ? shown_age(image->created) : ""});
    }
    return format_table({"CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"}, rows);
}

std::string json_of(const std::vector<ProjectImage>& images) {
    json list = json::array();
    for (const ProjectImage& one : images) {
        json entry = {{"ContainerName", one.container}, {"Repository", one.repository}, {"Tag", one.tag}};
        if (const std::optional<Image>& image = one.image) {
            entry["ID"] = image->id;
            entry["Platform"] = platform_text(image->platform);
            entry["Size"] = image->size;
            entry["Created"] = format_time(image->created);
            if (image->pulled) entry["LastTagTime"] = format_time(*image->pulled);
        }
        list.push_back(std::move(entry));
    }
    return list.dump() + "\n";
}

}  // namespace

int run_images(const Context& context, const ImagesCommand& command) {
    const std::vector<ProjectImage> images = images_of(context, command);
    std::string text;
    if (command.quiet) {
        std::vector<std::string> ids;
        ids.reserve(images.size());
        for (const ProjectImage& one : images)
            if (one.image) ids.push_back(digest_hex(one.image->id));
        text = id_lines(ids);
    } else {
        text = command.format == "json" ? json_of(images) : table_of(images);
    }
    write_all(context.out.fd, text, "stdout");
    return 0;
}

}  // namespace stack::cli
