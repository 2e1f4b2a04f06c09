#include "runtime/image/pull_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/fetcher_run.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/image/inner_half.hpp"
#include "runtime/image/pull.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/registry/fetcher.hpp"
#include "runtime/image/registry/settings.hpp"
#include "runtime/image/store_writer.hpp"
#include "runtime/image/worker_arguments.hpp"

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
    registry::RegistrySettings registry;

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

constexpr std::string_view kPullUsage =
    "usage: stack-image pull --root DIR [--platform P] [--policy always|missing] [--config-dir DIR] "
    "[--mirror REGISTRY=URL]... [--insecure REGISTRY]... [--timeout SECONDS] NAME";

PullCommand parse_pull(const std::vector<std::string>& words) {
    PullCommand command;
    using Text = const std::string&;
    std::vector<WorkerFlag> flags = registry::registry_flags(command.registry);
    flags.push_back({"--root", [&](Text value) { command.data_root = value; }});
    flags.push_back({"--platform", [&](Text value) { command.platform = parse_platform(value); }});
    flags.push_back({"--policy", [&](Text value) {
                         if (value != "always" && value != "missing")
                             throw_bad_usage(fmt::format("'{}' is not always or missing", value), kPullUsage);
                         command.always = value == "always";
                     }});
    const std::vector<std::string> operands = parse_worker_arguments(words, flags, kPullUsage);
    if (operands.size() != 1) throw_bad_usage("pull takes one name", kPullUsage);
    if (command.data_root.empty()) throw_bad_usage("--root is missing", kPullUsage);
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

// Whether the image is made for what is wanted. One that was no choice among several is what there is.
bool fits(const PullCommand& command, const Image& image, const Platform& platform) {
    if (!command.platform && !command.always) return true;
    return image.source == image.digest || same_platform(image.platform, platform);
}

// What the store has under the name, if it can be used.
std::optional<Image> known_image(const PullCommand& command, const Platform& platform) {
    try {
        std::optional<Image> image = ImageStore{command.data_root}.find(command.full_name());
        return image && fits(command, *image, platform) ? std::move(image) : std::nullopt;
    } catch (const Error&) {  // a damaged image is about to be replaced
        return std::nullopt;
    }
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
    const std::optional<Image> known = known_image(command, platform);
    // What a digest stands for never changes.
    if (known && (!command.always || !command.reference.digest.empty()))
        return tell_result(*known, false, 0, events);
    const registry::FetcherPlan plan =
        plan_fetcher(command.registry, command.reference.registry, command.reference.repository);
    for (const std::string& sentence : plan.warnings) events.warning(sentence);
    with_fetcher(plan, [&](const UniqueFd& socket) {
        PullRequest request{command.wanted(), command.reference.digest, platform, {}};
        if (request.digest.empty()) {
            registry::Fetcher fetcher{socket.duplicate()};
            request.digest = fetcher.head_manifest(request.reference).finish().digest;
        }
        if (known && !request.digest.empty() && known->source == request.digest) {
            note_source(StorePaths{command.data_root}, command.full_name(), known->digest, request.digest);
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
