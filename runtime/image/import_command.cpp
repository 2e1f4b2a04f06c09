#include "runtime/image/import_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"
#include "runtime/image/command_words.hpp"
#include "runtime/image/host_source.hpp"
#include "runtime/image/import.hpp"
#include "runtime/image/inner_half.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/worker_arguments.hpp"

#include <stdlib.h>

#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

constexpr std::string_view kImportUsage =
    "usage: stack-image import --root DIR [--select NAME] [--entrypoint CMD] [--cmd CMD] [--env K=V]... "
    "[--label K=V]... [--expose PORT]... [--workdir DIR] [--user USER] [--stop-signal SIGNAL] NAME SOURCE";

struct ImportCommand {
    std::string data_root;
    std::string name;    ///< reference for the image
    std::string source;  ///< path; "-" is standard input
    std::string select;
    ConfigFlags flags;
};

void add_label(ConfigFlags& flags, const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == 0) throw Error{ErrorKind::invalid_input, fmt::format("label '{}' has no name", text)};
    flags.labels[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
}

void add_env(ConfigFlags& flags, const std::string& text) {
    if (text.find('=') == std::string::npos || text.front() == '=')
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not NAME=value", text)};
    flags.env.push_back(text);
}

ImportCommand parse_import(const std::vector<std::string>& words) {
    ImportCommand command;
    ConfigFlags& flags = command.flags;
    using Text = const std::string&;
    const std::vector<std::string> operands = parse_worker_arguments(
        words,
        {{"--root", [&](Text value) { command.data_root = value; }},
         {"--select", [&](Text value) { command.select = value; }},
         {"--entrypoint", [&](Text value) { flags.entrypoint = command_words(value); }},
         {"--cmd", [&](Text value) { flags.cmd = command_words(value); }},
         {"--env", [&](Text value) { add_env(flags, value); }},
         {"--label", [&](Text value) { add_label(flags, value); }},
         {"--expose",
          [&](Text value) {
              flags.expose.push_back(value.find('/') == std::string::npos ? value + "/tcp" : value);
          }},
         {"--workdir", [&](Text value) { flags.working_dir = value; }},
         {"--user", [&](Text value) { flags.user = value; }},
         {"--stop-signal", [&](Text value) { flags.stop_signal = value; }}},
        kImportUsage);
    if (operands.size() != 2) throw_bad_usage("import takes a name and a source", kImportUsage);
    if (command.data_root.empty()) throw_bad_usage("--root is missing", kImportUsage);
    command.name = operands[0];
    command.source = operands[1];
    return command;
}

// SOURCE_DATE_EPOCH makes images reproducible (reproducible-builds.org).
std::string creation_time() {
    auto time = std::chrono::system_clock::now();
    if (const char* epoch = ::getenv("SOURCE_DATE_EPOCH")) {
        const auto seconds = parse_int(epoch);
        if (!seconds || *seconds < 0)
            throw Error{ErrorKind::invalid_input, "SOURCE_DATE_EPOCH is not a number of seconds"};
        time = std::chrono::system_clock::time_point{std::chrono::seconds{*seconds}};
    }
    return format_time(time);
}

ImportRequest request_for(const ImportCommand& command) {
    const ImageReference reference = ImageReference::parse(command.name);
    if (!reference.digest.empty())
        throw Error{ErrorKind::invalid_input,
                    fmt::format("'{}' has a digest; a name to give has none", command.name)};
    ImportRequest request;
    request.full_name = reference.full();
    request.select = command.select;
    request.flags = command.flags;
    request.created = creation_time();
    try {
        const std::optional<Image> previous = ImageStore{command.data_root}.find(request.full_name);
        if (previous && previous->config.diff_ids.size() == 1) {
            request.previous_diff_id = previous->config.diff_ids.front();
            request.previous_created = previous->config.created;
        }
    } catch (const Error&) {  // a damaged image is about to be replaced
    }
    return request;
}

void import_inside(const ImportRequest& request, const HostSource& source, const std::string& source_name,
                   EventWriter& events) {
    const UniqueFd staging = open_directory(kInnerStaging);
    const UniqueFd layers = open_directory(kInnerLayers);
    const UniqueFd folder = source.folder.empty() ? UniqueFd{} : open_directory(kInnerSource);
    const ImportPlaces places{{staging.get(), layers.get()}, folder.get(), source.file.get(), source_name};
    events.write(staged_event(import_image(request, places, events_of(events))));
}

StagedImage stage_in_sandbox(const ImportCommand& command, const ImportRequest& request,
                             const ImportSession& session, const StorePaths& paths, EventWriter& events) {
    const HostSource source = open_host_source(command.source);
    InnerHalf half;
    half.plan.folders = {{session.folder(), kInnerStaging, true}, {paths.layers, kInnerLayers, false}};
    if (!source.folder.empty()) half.plan.folders.push_back({source.folder, kInnerSource, false});
    half.plan.keep_fds = {session.lock_fd()};
    if (source.file.valid()) half.plan.keep_fds.push_back(source.file.get());
    half.body = [&](EventWriter& inside) { import_inside(request, source, command.source, inside); };
    std::optional<StagedImage> staged;
    half.staged = [&](const nlohmann::json& event) { staged = staged_image_of(event, request.full_name); };
    run_inner_half(half, events);
    return std::move(staged).value();
}

}  // namespace

void import_verb(const std::vector<std::string>& words, EventWriter& events) {
    const ImportCommand command = parse_import(words);
    const StorePaths paths{command.data_root};
    const ImportRequest request = request_for(command);
    ImportSession session = ImportSession::begin(paths);
    const StagedImage staged = stage_in_sandbox(command, request, session, paths, events);
    const bool changed = session.publish(staged);
    const Image image = ImageStore{command.data_root}.get(request.full_name);
    events.write({{"event", "result"},
                  {"reference", image.reference},
                  {"digest", image.digest},
                  {"id", image.id},
                  {"size", image.size},
                  {"layers", image.layer_ids.size()},
                  {"changed", changed}});
}

}  // namespace stack::image
