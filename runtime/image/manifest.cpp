#include "runtime/image/manifest.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack {

namespace {

using nlohmann::json;

constexpr std::string_view kDockerManifestType = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kDockerListType = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::size_t kMaxIndexEntries = 10'000;

Descriptor parse_descriptor(const json& object) {
    if (!object.is_object()) throw Error{ErrorKind::invalid_input, "a descriptor is no JSON object"};
    Descriptor result;
    result.media_type = json_fields::string(object, "mediaType");
    result.digest = json_fields::string(object, "digest");
    static_cast<void>(digest_hex(result.digest));  // refuses anything but a sha256 digest
    const std::int64_t size = json_fields::integer(object, "size");
    if (size < 0) throw Error{ErrorKind::invalid_input, "a descriptor has a negative size"};
    result.size = static_cast<std::uint64_t>(size);
    result.annotations = json_fields::string_map(object, "annotations");
    if (const json* platform = json_fields::object(object, "platform")) {
        result.platform =
            Platform{json_fields::string(*platform, "architecture"), json_fields::string(*platform, "os"),
                     json_fields::string(*platform, "variant")};
    }
    return result;
}

std::vector<Descriptor> parse_descriptors(const json& document, std::string_view key, std::size_t limit) {
    std::vector<Descriptor> result;
    const json* list = json_fields::array(document, key, limit);
    if (list == nullptr) return result;
    for (const json& item : *list) result.push_back(parse_descriptor(item));
    return result;
}

// CVE-2021-41190: one blob must not be a manifest to one reader and an index to another.
bool is_index(const json& document) {
    const bool has_index_fields = document.contains("manifests");
    const bool has_manifest_fields = document.contains("layers") || document.contains("config");
    if (has_index_fields && has_manifest_fields)
        throw Error{ErrorKind::invalid_input, "the document is both a manifest and an index"};
    if (!has_index_fields && !has_manifest_fields)
        throw Error{ErrorKind::invalid_input, "the document is neither a manifest nor an index"};
    const std::string type = json_fields::string(document, "mediaType");
    if (!type.empty()) {
        const bool said_index = type == kOciIndexType || type == kDockerListType;
        const bool said_manifest = type == kOciManifestType || type == kDockerManifestType;
        if (!said_index && !said_manifest)
            throw Error{ErrorKind::not_supported, fmt::format("media type '{}' is not an image", type)};
        if (said_index != has_index_fields)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("the document says that it is '{}', but its fields say otherwise", type)};
    }
    return has_index_fields;
}

void check_schema_version(const json& document) {
    if (document.contains("fsLayers"))
        throw Error{ErrorKind::not_supported, "image manifests of schema 1 are not supported"}.with_hint(
            "the format was retired in 2017; push the image again with a current tool");
    if (json_fields::integer(document, "schemaVersion") != 2)
        throw Error{ErrorKind::not_supported, "the manifest's schemaVersion is not 2"};
}

Manifest manifest_of(const json& document) {
    Manifest result;
    result.media_type = json_fields::string(document, "mediaType");
    const json* config = json_fields::object(document, "config");
    if (config == nullptr) throw Error{ErrorKind::invalid_input, "the manifest has no configuration"};
    result.config = parse_descriptor(*config);
    result.layers = parse_descriptors(document, "layers", kMaxLayers);
    return result;
}

Index index_of(const json& document) {
    Index result;
    result.media_type = json_fields::string(document, "mediaType");
    result.manifests = parse_descriptors(document, "manifests", kMaxIndexEntries);
    result.annotations = json_fields::string_map(document, "annotations");
    return result;
}

json descriptor_json(const Descriptor& descriptor) {
    json result = {
        {"mediaType", descriptor.media_type}, {"digest", descriptor.digest}, {"size", descriptor.size}};
    if (!descriptor.annotations.empty()) result["annotations"] = descriptor.annotations;
    if (!descriptor.platform.architecture.empty()) {
        json platform = {{"architecture", descriptor.platform.architecture}, {"os", descriptor.platform.os}};
        if (!descriptor.platform.variant.empty()) platform["variant"] = descriptor.platform.variant;
        result["platform"] = std::move(platform);
    }
    return result;
}

json descriptors_json(const std::vector<Descriptor>& descriptors) {
    json result = json::array();
    for (const Descriptor& descriptor : descriptors) result.push_back(descriptor_json(descriptor));
    return result;
}

bool is_attestation(const Descriptor& entry) {
    const auto kind = entry.annotations.find("vnd.docker.reference.type");
    return kind != entry.annotations.end() && kind->second == "attestation-manifest";
}

}  // namespace

std::variant<Manifest, Index> parse_manifest_or_index(std::string_view text) {
    const json document = json_fields::parse_object(text, "image manifest", kMaxManifestBytes);
    check_schema_version(document);
    if (is_index(document)) return index_of(document);
    return manifest_of(document);
}

Index parse_index(std::string_view text) {
    const json document = json_fields::parse_object(text, "image index", 64u << 20);
    check_schema_version(document);
    if (!is_index(document))
        throw Error{ErrorKind::invalid_input, "index.json holds a manifest, not an index"};
    return index_of(document);
}

std::string manifest_json(const Manifest& manifest) {
    return json{
        {"schemaVersion", 2},
        {"mediaType", manifest.media_type.empty() ? std::string{kOciManifestType} : manifest.media_type},
        {"config", descriptor_json(manifest.config)},
        {"layers", descriptors_json(manifest.layers)}}
        .dump();
}

std::string index_json(const Index& index) {
    json document = {{"schemaVersion", 2},
                     {"mediaType", index.media_type.empty() ? std::string{kOciIndexType} : index.media_type},
                     {"manifests", descriptors_json(index.manifests)}};
    if (!index.annotations.empty()) document["annotations"] = index.annotations;
    return document.dump(2);
}

const Descriptor* choose_platform(const Index& index, const Platform& wanted) {
    for (const Platform& fitting : platforms_run_by(wanted))
        for (const Descriptor& entry : index.manifests)
            if (!is_attestation(entry) && same_platform(entry.platform, fitting)) return &entry;
    // Indexes with one entry for any machine often leave the platform out.
    for (const Descriptor& entry : index.manifests)
        if (!is_attestation(entry) && entry.platform.architecture.empty()) return &entry;
    return nullptr;
}

}  // namespace stack
