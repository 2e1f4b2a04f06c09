#include "runtime/image/load_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/host_source.hpp"
#include "runtime/image/inner_half.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/load.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/worker_arguments.hpp"

#include <unistd.h>

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

constexpr std::string_view kLoadUsage = "usage: stack-image load --root DIR [--quiet] SOURCE";

struct LoadCommand {
    std::string data_root, source;
    bool quiet = false;
};

LoadCommand parse_load(const std::vector<std::string>& words) {
    LoadCommand command;
    using Text = const std::string&;
    const std::vector<std::string> operands =
        parse_worker_arguments(words,
                               {{"--root", [&](Text value) { command.data_root = value; }},
                                {"--quiet", [&](Text) { command.quiet = true; }, false}},
                               kLoadUsage);
    if (operands.size() != 1) throw_bad_usage("load takes one source", kLoadUsage);
    if (command.data_root.empty()) throw_bad_usage("--root is missing", kLoadUsage);
    command.source = operands.front();
    return command;
}

void load_inside(const HostSource& source, const LoadCommand& command, int published, EventWriter& events) {
    const UniqueFd staging = open_directory(kInnerStaging);
    const UniqueFd layers = open_directory(kInnerLayers);
    const UniqueFd folder = source.folder.empty() ? UniqueFd{} : open_directory(kInnerSource);
    const ImportPlaces places{{staging.get(), layers.get()}, folder.get(), source.file.get(), command.source};
    StagingEvents told = events_of(events);
    if (command.quiet) told.progress = [](const std::string&, std::uint64_t, std::uint64_t) {};
    load_images(places, {}, told, [&](const StagedImage& image, const std::vector<std::string>& names) {
        nlohmann::json event = staged_event(image);
        event["names"] = names;
        events.write(event);
        char go_on = 0;
        if (::read(published, &go_on, 1) != 1)
            throw Error{ErrorKind::internal, "the outer half of the worker is gone"};
    });
}

// The names come from the process that reads foreign bytes: they are parsed again.
std::vector<std::string> checked_names(const nlohmann::json& event) {
    std::vector<std::string> names;
    for (const std::string& name : json_fields::strings(event, "names"))
        names.push_back(ImageReference::parse(name).full());
    if (names.empty()) names.emplace_back();
    return names;
}

bool give_another_name(const ImageStore& store, const std::string& digest, const std::string& name) {
    const std::optional<Image> before = store.find(name);
    if (before && before->digest == digest) return false;
    store.tag(digest, name);
    return true;
}

void write_result(const Image& image, const std::string& full_name, bool changed, EventWriter& events) {
    const std::string reference = full_name.empty() ? "" : ImageReference::parse(full_name).familiar();
    events.write({{"event", "result"},
                  {"reference", reference},
                  {"digest", image.digest},
                  {"id", image.id},
                  {"size", image.size},
                  {"layers", image.layer_ids.size()},
                  {"changed", changed}});
}

}  // namespace

void load_verb(const std::vector<std::string>& words, EventWriter& events) {
    const LoadCommand command = parse_load(words);
    const StorePaths paths{command.data_root};
    const HostSource source = open_host_source(command.source);
    ImportSession session = ImportSession::begin(paths);
    Pipe published = make_pipe();
    InnerHalf half;
    half.plan.folders = {{session.folder(), kInnerStaging, true}, {paths.layers, kInnerLayers, false}};
    if (!source.folder.empty()) half.plan.folders.push_back({source.folder, kInnerSource, false});
    half.plan.keep_fds = {session.lock_fd(), published.read.get()};
    if (source.file.valid()) half.plan.keep_fds.push_back(source.file.get());
    half.body = [&](EventWriter& inside) { load_inside(source, command, published.read.get(), inside); };
    half.staged = [&](const nlohmann::json& event) {
        const std::vector<std::string> names = checked_names(event);
        StagedImage staged = staged_image_of(event, names.front());
        const std::string digest = staged.manifest.digest;
        bool changed = session.publish(std::move(staged));
        const ImageStore store{command.data_root};
        for (const std::string& name : names) {
            if (name != names.front()) changed = give_another_name(store, digest, name);
            write_result(store.get(digest), name, changed, events);
        }
        write_all(published.write.get(), "+", "the inner half");
    };
    run_inner_half(half, events);
}

}  // namespace stack::image
