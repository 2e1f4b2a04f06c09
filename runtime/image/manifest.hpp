// OCI image manifests, indexes and descriptors (image-spec manifest.md, image-index.md), Docker's v2 types
// included. Parsers of foreign bytes: a document's declared type must agree with the fields it has
// (CVE-2021-41190).
#pragma once

#include "runtime/image/platform.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace stack {

struct Descriptor {
    std::string media_type;
    std::string digest;  ///< checked sha256 digest
    std::uint64_t size = 0;
    std::map<std::string, std::string> annotations;
    Platform platform;  ///< empty strings when absent
    bool operator==(const Descriptor&) const = default;
};

struct Manifest {
    std::string media_type;
    Descriptor config;
    std::vector<Descriptor> layers;  ///< bottom first
    bool operator==(const Manifest&) const = default;
};

struct Index {
    std::string media_type;
    std::vector<Descriptor> manifests;
    std::map<std::string, std::string> annotations;
    bool operator==(const Index&) const = default;
};

inline constexpr std::string_view kOciIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayerZstdType = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kOciLayerGzipType = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kOciLayerTarType = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";

inline constexpr std::size_t kMaxManifestBytes = 4u << 20;
inline constexpr std::size_t kMaxLayers = 500;  ///< overlayfs stacks no more

/// Either kind, told apart by fields and declared type. Throws Error(invalid_input).
std::variant<Manifest, Index> parse_manifest_or_index(std::string_view json);
Index parse_index(std::string_view json);
std::string manifest_json(const Manifest& manifest);
std::string index_json(const Index& index);

/// The descriptor among those of a multi-platform index that `wanted` runs best; attestations are never chosen.
/// nullptr when none fits.
const Descriptor* choose_platform(const Index& index, const Platform& wanted);

}  // namespace stack
