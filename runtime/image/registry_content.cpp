#include "runtime/image/registry_content.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/base/units.hpp"
#include "runtime/image/chain_id.hpp"
#include "runtime/image/download_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

namespace {

std::string text_of(int file, std::size_t limit, std::string_view what) {
    struct stat info {};
    if (::fstat(file, &info) != 0) throw_errno(fmt::format("look at the {}", what));
    Member member{duplicate_fd(file), 0, static_cast<std::uint64_t>(info.st_size)};
    return member.text(what, limit);
}

}  // namespace

RegistryContent::RegistryContent(const PullPlaces& places, const UnpackLimits& limits,
                                 registry::Fetcher& fetcher, EventWriter& events)
    : places_{places},
      limits_{limits},
      fetcher_{fetcher},
      events_{events},
      layer_events_{events},
      downloads_{places.downloads, places.store_blobs, fetcher, events, layer_events_} {}

Descriptor RegistryContent::resolve(const std::string& reference, const std::string& digest) {
    const UniqueFd file = make_file();
    // By digest where it is known: a tag may move meanwhile.
    const registry::FetchedDocument answer =
        fetcher_.get_manifest(digest.empty() ? reference : digest, file.get()).finish();
    resolved_text_ = text_of(file.get(), kMaxManifestBytes, "manifest");
    resolved_ = {answer.media_type, sha256_digest(resolved_text_), resolved_text_.size(), {}, {}};
    const std::string& wanted = digest.empty() ? answer.digest : digest;
    if (!wanted.empty() && wanted != resolved_.digest)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the registry's manifest does not match its digest {} (its bytes have {})",
                                wanted, resolved_.digest)};
    return resolved_;
}

std::string RegistryContent::manifest(const Descriptor& descriptor) {
    if (descriptor.digest == resolved_.digest) return resolved_text_;
    if (std::string text = stored_text(descriptor, kMaxManifestBytes); !text.empty()) return text;
    const UniqueFd file = make_file();
    fetcher_.get_manifest(descriptor.digest, file.get()).finish();
    return text_of(file.get(), kMaxManifestBytes, "manifest");
}

std::string RegistryContent::config(const Descriptor& descriptor) {
    if (descriptor.size > kMaxConfigBytes)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the image's configuration has {} bytes; at most {} are read",
                                descriptor.size, kMaxConfigBytes)};
    if (std::string text = stored_text(descriptor, kMaxConfigBytes); !text.empty()) return text;
    const UniqueFd file = make_file();
    fetcher_.get_blob({descriptor.digest, descriptor.size, 0, {}}, file.get()).finish();
    return text_of(file.get(), kMaxConfigBytes, "configuration");
}

std::vector<SourceLayer> RegistryContent::layers(const std::vector<Descriptor>& layers,
                                                 const std::vector<std::string>& diff_ids) {
    std::vector<SourceLayer> sources;
    std::string chain;
    std::uint64_t declared = 0, to_unpack = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const Descriptor& layer = layers[i];
        declared += std::min(layer.size, limits_.bytes);
        if (layer.size > limits_.bytes || declared > limits_.bytes)
            throw Error{
                ErrorKind::invalid_input,
                fmt::format("refused layer {}: with its {} bytes the image is larger than the {} that one "
                            "may have",
                            layer.digest, layer.size, format_size(limits_.bytes))};
        chain = chain_id(chain, diff_ids[i]);
        const bool unpacked = stored_layer(places_.store.store_layers, chain).has_value();
        if (!unpacked) to_unpack += layer.size;
        UniqueFd blob = open_stored_blob(places_.store_blobs, layer);
        if (blob.valid() && unpacked)
            layer_events_.tell(layer.digest, LayerState::present, layer.size, layer.size);
        sources.push_back(blob.valid() ? stored(layer, std::move(blob)) : download(layer));
        sources.back().wanted_diff_id = diff_ids[i];
    }
    check_space(to_unpack);
    downloads_.start();
    return sources;
}

SourceLayer RegistryContent::stored(const Descriptor& layer, UniqueFd file) {
    SourceLayer source;
    source.keep_open = std::make_shared<Member>(Member{std::move(file), 0, layer.size});
    source.bytes = source.keep_open->bytes();
    source.size = layer.size;
    source.blob = BlobPlace::stored;
    source.wanted_digest = layer.digest;
    source.progress = [this, layer](std::uint64_t seen) {
        layer_events_.tell(layer.digest, LayerState::unpacking, seen, layer.size);
    };
    source.finished = [this, layer] {
        layer_events_.tell(layer.digest, LayerState::done, layer.size, layer.size);
    };
    return source;
}

SourceLayer RegistryContent::download(const Descriptor& layer) {
    downloads_.add(layer);
    SourceLayer source = stored(layer, UniqueFd{});
    source.keep_open.reset();
    source.bytes = downloads_.bytes(layer.digest);
    source.blob = BlobPlace::download;
    source.reject = [this, layer] { return downloads_.reject(layer.digest); };
    return source;
}

// A lower bound: an unpacked layer is no smaller than its archive, as a rule.
void RegistryContent::check_space(std::uint64_t unpacked) const {
    const std::uint64_t needed = downloads_.missing_bytes() + unpacked;
    struct statvfs info {};
    if (::fstatvfs(places_.downloads, &info) != 0) throw_errno("ask for the free space of the store");
    const std::uint64_t free = std::uint64_t{info.f_bavail} * info.f_frsize;
    if (needed > free)
        throw Error{ErrorKind::failed,
                    fmt::format("the image needs at least {} on the disk of the store, {} are free",
                                format_size(needed), format_size(free))}
            .with_hint("`stack gc` shows what can be removed; --root moves the store to another disk");
}

// Empty when the store has no such blob. Its digest is checked by the caller.
std::string RegistryContent::stored_text(const Descriptor& descriptor, std::size_t limit) const {
    const UniqueFd file = open_stored_blob(places_.store_blobs, descriptor);
    return file.valid() ? text_of(file.get(), limit, "stored document") : std::string{};
}

// Without a name: gone when it is closed.
UniqueFd RegistryContent::make_file() const {
    return open_at(places_.store.staging, ".", O_RDWR | O_TMPFILE, Resolve::beneath_no_links, 0600);
}

}  // namespace stack::image
