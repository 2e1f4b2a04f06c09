#include "runtime/image/pull_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/fetcher_run.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/image/inner_half.hpp"
#include "runtime/image/pull.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/registry/fetcher.hpp"
#include "runtime/image/registry_flags.hpp"
#include "runtime/image/store_writer.hpp"

#include <errno.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

struct PullCommand {
    std::string data_root;
    ImageReference reference;
    std::optional<Platform> platform;  ///< none: whatever runs here
    bool always = true;                ///< false: what the store has is enough
    RegistryFlags registry;

    /// The name in the store. A tag beside a digest says nothing that would stay true.
    [[nodiscard]] std::string full_name() const {
        ImageReference named = reference;
        if (!named.digest.empty()) named.tag.clear();
        return named.full();
    }
    [[nodiscard]] const std::string& wanted() const {
        return reference.digest.empty() ? reference.tag : reference.digest;
    }
};

std::string pull_usage() {
    return fmt::format("usage: stack-image pull --root DIR [--platform P] [--policy always|missing] {} NAME",
                       kRegistryFlagsUsage);
}

PullCommand parse_pull(const std::vector<std::string>& words) {
    PullCommand command;
    using Text = const std::string&;
    const std::string usage = pull_usage();
    const auto set_policy = [&](Text value) {
        if (value != "always" && value != "missing")
            throw_bad_usage(fmt::format("'{}' is not always or missing", value), usage);
        command.always = value == "always";
    };
    const std::vector<std::string> operands = parse_worker_arguments(
        words,
        with_registry_flags({{"--root", [&](Text value) { command.data_root = value; }},
                             {"--platform", [&](Text value) { command.platform = parse_platform(value); }},
                             {"--policy", set_policy}},
                            command.registry),
        usage);
    if (operands.size() != 1) throw_bad_usage("pull takes one name", usage);
    if (command.data_root.empty()) throw_bad_usage("--root is missing", usage);
    command.reference = ImageReference::parse(operands.front());
    return command;
}

void tell_result(const Image& image, bool changed, std::uint64_t downloaded, EventWriter& events) {
    events.write({{"event", "result"},
                  {"reference", image.reference},
                  {"digest", image.digest},
                  {"id", image.id},
                  {"size", image.size},
                  {"layers", image.layer_ids.size()},
                  {"changed", changed},
                  {"downloaded", downloaded}});
}

// What the store has under the name, if it can be used and is made for the platform.
std::optional<Image> known_image(const PullCommand& command, const Platform& platform) {
    try {
        std::optional<Image> image = ImageStore{command.data_root}.find(command.full_name());
        // An image that is no choice among several is what there is, whatever it was made for.
        if (image && image->source != image->digest && !same_platform(image->platform, platform))
            return std::nullopt;
        return image;
    } catch (const Error&) {  // a damaged image is about to be replaced
        return std::nullopt;
    }
}

bool is_enough(const PullCommand& command, const Image& image) {
    return !command.always || (!command.reference.digest.empty() && !image.source.empty());
}

void pull_inside(const PullRequest& request, const UniqueFd& socket, int published, EventWriter& events) {
    const UniqueFd staging = open_directory(kInnerStaging), layers = open_directory(kInnerLayers);
    const UniqueFd blobs = open_directory(kInnerBlobs), downloads = open_directory(kInnerDownloads);
    registry::Fetcher fetcher{socket.duplicate()};
    Pull pull{request, {{staging.get(), layers.get()}, blobs.get(), downloads.get()}, fetcher, events};
    events.write(staged_event(pull.run()));
    // The downloads stay locked until they are blobs.
    static_cast<void>(read_all(published, "the outer half's word", 1));
}

void pull_new(const PullCommand& command, const PullRequest& request, const UniqueFd& socket,
              EventWriter& events) {
    const StorePaths paths{command.data_root};
    ImportSession session = ImportSession::begin(paths);
    Pipe published = make_pipe();
    InnerHalf half;
    half.plan.folders = {{session.folder(), kInnerStaging, true},
                         {paths.layers, kInnerLayers, false},
                         {paths.blobs, kInnerBlobs, false},
                         {paths.downloads, kInnerDownloads, true}};
    half.plan.keep_fds = {session.lock_fd(), socket.get(), published.read.get()};
    half.body = [&](EventWriter& inside) { pull_inside(request, socket, published.read.get(), inside); };
    bool changed = false;
    std::uint64_t downloaded = 0;
    half.staged = [&](const nlohmann::json& event) {
        const StagedImage image = staged_image_of(event, command.full_name());
        changed = session.publish(image);
        downloaded = image.downloaded;
        published.write.reset();
    };
    run_inner_half(half, events);
    tell_result(ImageStore{command.data_root}.get(command.full_name()), changed, downloaded, events);
}

void pull(const PullCommand& command, EventWriter& events) {
    const Platform platform = command.platform.value_or(host_platform());
    std::optional<Image> known =
        known_image(command, command.platform || command.always ? platform : Platform{});
    if (known && is_enough(command, *known)) return tell_result(*known, false, 0, events);
    with_fetcher(plan_fetcher(command.registry, command.reference.registry, command.reference.repository),
                 [&](const UniqueFd& socket) {
                     PullRequest request{command.wanted(), command.reference.digest, platform, {}};
                     if (request.digest.empty()) {
                         registry::Fetcher fetcher{socket.duplicate()};
                         request.digest = fetcher.head_manifest(request.reference).finish().digest;
                     }
                     if (known && !request.digest.empty() && known->source == request.digest) {
                         note_pulled(StorePaths{command.data_root}, command.full_name(), request.digest);
                         return tell_result(*known, false, 0, events);
                     }
                     pull_new(command, request, socket, events);
                 });
}

}  // namespace

void pull_verb(const std::vector<std::string>& words, EventWriter& events) {
    pull(parse_pull(words), events);
}

}  // namespace stack::image
