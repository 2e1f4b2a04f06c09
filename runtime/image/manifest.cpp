#include "runtime/image/manifest.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"

#include <sys/utsname.h>

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
    if (document.contains("fsLayers"))
        throw Error{ErrorKind::not_supported, "image manifests of schema 1 are not supported"}.with_hint(
            "the format was retired in 2017; save the image again with a current tool");
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

// How well a platform fits: 0 not at all, 2 exactly. arm64 and arm64/v8 are the same machine.
int fitness(const Platform& offered, const Platform& wanted) {
    if (offered.os != wanted.os || offered.architecture != wanted.architecture) return 0;
    const auto canonical = [](const Platform& platform) {
        return platform.architecture == "arm64" && platform.variant.empty() ? std::string{"v8"}
                                                                            : platform.variant;
    };
    const std::string have = canonical(offered), want = canonical(wanted);
    if (have == want) return 2;
    // A machine runs what was built for the base variant or for an older one of its family (arm: v5 < v6 <
    // v7).
    return have.empty() || have < want ? 1 : 0;
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
    const Descriptor* best = nullptr;
    int best_fitness = 0;
    for (const Descriptor& candidate : index.manifests) {
        const auto kind = candidate.annotations.find("vnd.docker.reference.type");
        if (kind != candidate.annotations.end() && kind->second == "attestation-manifest") continue;
        // Indexes with one entry for any machine often leave the platform out.
        const int fit = candidate.platform.architecture.empty() ? 1 : fitness(candidate.platform, wanted);
        if (fit > best_fitness) {
            best = &candidate;
            best_fitness = fit;
        } else if (fit == 1 && best_fitness == 1 && candidate.platform.variant > best->platform.variant) {
            best = &candidate;
        }
    }
    return best;
}

Platform host_platform() {
    utsname names{};
    if (::uname(&names) != 0) throw_errno("ask for the machine's architecture");
    const std::string_view machine = names.machine;
    struct Row {
        std::string_view kernel, oci, variant;
    };
    static constexpr Row kRows[] = {{"x86_64", "amd64", ""},    {"i686", "386", ""},
                                    {"aarch64", "arm64", "v8"}, {"armv7l", "arm", "v7"},
                                    {"armv6l", "arm", "v6"},    {"ppc64le", "ppc64le", ""},
                                    {"s390x", "s390x", ""},     {"riscv64", "riscv64", ""},
                                    {"mips64", "mips64le", ""}, {"loongarch64", "loong64", ""}};
    for (const Row& row : kRows)
        if (row.kernel == machine) return {std::string{row.oci}, "linux", std::string{row.variant}};
    return {std::string{machine}, "linux", ""};
}

}  // namespace stack
