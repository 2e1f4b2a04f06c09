#include "runtime/image/push_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/download_file.hpp"
#include "runtime/image/fetcher_run.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/push.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/registry/settings.hpp"
#include "runtime/image/store_writer.hpp"
#include "runtime/image/worker_arguments.hpp"

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

constexpr std::string_view kPushUsage =
    "usage: stack-image push --root DIR [--config-dir DIR] [--insecure REGISTRY]... [--timeout SECONDS] NAME";

struct PushCommand {
    std::string data_root;
    ImageReference reference;
    registry::RegistrySettings registry;
};

PushCommand parse_push(const std::vector<std::string>& words) {
    PushCommand command;
    std::vector<WorkerFlag> flags = registry::registry_flags(command.registry);
    flags.push_back({"--root", [&](const std::string& value) { command.data_root = value; }});
    const std::vector<std::string> operands = parse_worker_arguments(words, flags, kPushUsage);
    if (operands.size() != 1) throw_bad_usage("push takes one name", kPushUsage);
    if (command.data_root.empty()) throw_bad_usage("--root is missing", kPushUsage);
    command.reference = ImageReference::parse(operands.front());
    if (!command.reference.digest.empty())
        throw Error{ErrorKind::invalid_input,
                    fmt::format("'{}' has a digest; an image is pushed by its tag", operands.front())};
    return command;
}

std::optional<Manifest> read_manifest(const StorePaths& paths, const std::string& digest) {
    const std::optional<std::string> text = read_file_if_exists(paths.blob(digest), kMaxManifestBytes);
    if (!text) return std::nullopt;
    std::variant<Manifest, Index> document = parse_manifest_or_index(*text);
    auto* manifest = std::get_if<Manifest>(&document);
    return manifest != nullptr ? std::optional{std::move(*manifest)} : std::nullopt;
}

// Blobs that another repository of the registry has, as far as we know: what was pulled from it or pushed to it.
std::map<std::string, std::string> mountable_blobs(const StorePaths& paths, const ImageReference& target) {
    std::map<std::string, std::string> repositories;  // by digest
    for (const Descriptor& entry : read_store_index(paths).manifests) {
        if (annotation_of(entry, kSourceAnnotation).empty()) continue;
        try {
            const ImageReference known = ImageReference::parse(name_of(entry));
            if (known.registry != target.registry || known.repository == target.repository) continue;
            const std::optional<Manifest> manifest = read_manifest(paths, entry.digest);
            if (!manifest) continue;
            for (const Descriptor& layer : manifest->layers)
                repositories.emplace(layer.digest, known.repository);
        } catch (const Error&) {  // a damaged image can't help
        }
    }
    return repositories;
}

OpenBlob open_blob(int blobs, const Descriptor& blob) {
    OpenBlob open{blob, open_stored_blob(blobs, blob), false, {}};
    if (!open.file.valid())
        throw Error{
            ErrorKind::failed,
            fmt::format("the image is damaged: the store has no blob {} of {} bytes", blob.digest, blob.size)}
            .with_hint("pull or import the image again");
    return open;
}

PushContent open_image(const StorePaths& paths, const Image& image, const ImageReference& target) {
    const std::optional<Manifest> manifest = read_manifest(paths, image.digest);
    const std::optional<std::string> text = read_file_if_exists(paths.blob(image.digest), kMaxManifestBytes);
    if (!manifest || !text) throw Error{ErrorKind::failed, "the image is damaged: its manifest is missing"};
    const UniqueFd blobs = open_directory(paths.blobs);
    PushContent content;
    content.manifest = {manifest->media_type.empty() ? std::string{kOciManifestType} : manifest->media_type,
                        image.digest,
                        text->size(),
                        {},
                        {}};
    content.manifest_file = open_blob(blobs.get(), content.manifest).file;
    const std::map<std::string, std::string> mountable = mountable_blobs(paths, target);
    std::set<std::string> seen;
    for (const Descriptor& layer : manifest->layers) {
        if (!seen.insert(layer.digest).second) continue;
        OpenBlob& blob = content.blobs.emplace_back(open_blob(blobs.get(), layer));
        blob.is_layer = true;
        if (const auto found = mountable.find(layer.digest); found != mountable.end())
            blob.mount_from = found->second;
    }
    content.blobs.push_back(open_blob(blobs.get(), manifest->config));
    return content;
}

void push(const PushCommand& command, EventWriter& events) {
    const ImageStore store{command.data_root};
    const Image image = store.get(command.reference.full());
    const PushContent content = [&] {
        const FileLock held = store.hold();  // nothing is removed before it is open
        return open_image(store.paths(), image, command.reference);
    }();
    const registry::FetcherPlan plan =
        plan_fetcher(command.registry, command.reference.registry, command.reference.repository);
    for (const std::string& sentence : plan.warnings) events.warning(sentence);
    PushResult result;
    with_fetcher(plan, [&](const UniqueFd& socket) {
        registry::Fetcher fetcher{socket.duplicate()};
        result = push_image(content, command.reference.tag, fetcher, events);
    });
    note_source(store.paths(), command.reference.full(), image.digest, image.digest);
    events.write({{"event", "result"},
                  {"reference", image.reference},
                  {"digest", image.digest},
                  {"size", result.size},
                  {"uploaded", result.uploaded}});
}

}  // namespace

void push_verb(const std::vector<std::string>& words, EventWriter& events) {
    push(parse_push(words), events);
}

}  // namespace stack::image
