#include "runtime/base/error.hpp"
#include "runtime/image/manifest.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'c');

std::string descriptor(std::string_view more = "") {
    return fmt::format(R"({{"mediaType":"x/y","digest":"{}","size":7{}}})", kDigest, more);
}

TEST(ImageManifest, SurvivesWritingAndReading) {
    Manifest manifest;
    manifest.media_type = kOciManifestType;
    manifest.config = {std::string{kOciConfigType}, kDigest, 10, {}, {}};
    manifest.layers = {{std::string{kOciLayerTarType}, kDigest, 20, {{"k", "v"}}, {}}};
    EXPECT_EQ(std::get<Manifest>(parse_manifest_or_index(manifest_json(manifest))), manifest);
}

TEST(ImageManifest, IsNeverTwoThingsAtOnce) {
    const std::string both =
        fmt::format(R"({{"schemaVersion":2,"config":{0},"layers":[],"manifests":[{0}]}})", descriptor());
    EXPECT_THROW(parse_manifest_or_index(both), Error);
    const std::string lies = fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[]}})",
                                         kOciIndexType, descriptor());
    EXPECT_THROW(parse_manifest_or_index(lies), Error);
    EXPECT_THROW(parse_manifest_or_index(R"({"schemaVersion":2})"), Error);
    EXPECT_THROW(parse_manifest_or_index(R"({"schemaVersion":1,"fsLayers":[]})"), Error);
}

TEST(ImageManifest, RefusesDigestsThatAreNone) {
    for (const char* digest :
         {"", "sha256:abc", "../../../etc/passwd", "md5:d41d8cd98f00b204e9800998ecf8427e"}) {
        const std::string text = fmt::format(
            R"({{"schemaVersion":2,"config":{{"mediaType":"x","digest":"{}","size":1}},"layers":[]}})",
            digest);
        EXPECT_THROW(parse_manifest_or_index(text), Error) << digest;
    }
    const std::string negative =
        fmt::format(R"({{"schemaVersion":2,"config":{{"digest":"{}","size":-1}},"layers":[]}})", kDigest);
    EXPECT_THROW(parse_manifest_or_index(negative), Error);
}

TEST(ImageIndex, GivesThisMachineItsVariantAndNeverAnAttestation) {
    Index index;
    const auto add = [&](const char* arch, const char* variant, bool attestation = false) {
        Descriptor entry{std::string{kOciManifestType}, kDigest, 1, {}, {arch, "linux", variant}};
        if (attestation) entry.annotations["vnd.docker.reference.type"] = "attestation-manifest";
        index.manifests.push_back(entry);
    };
    add("amd64", "", true);
    add("arm", "v5");
    add("arm", "v6");
    add("arm", "v7");
    add("arm64", "");
    const auto chosen = [&](const Platform& wanted) -> std::string {
        const Descriptor* found = choose_platform(index, wanted);
        return found ? found->platform.architecture + "/" + found->platform.variant : "none";
    };
    EXPECT_EQ(chosen({"arm", "linux", "v6"}), "arm/v6");
    EXPECT_EQ(chosen({"arm64", "linux", "v8"}), "arm64/");
    EXPECT_EQ(chosen({"amd64", "linux", ""}), "none");
    index.manifests.erase(index.manifests.begin() + 2);
    EXPECT_EQ(chosen({"arm", "linux", "v6"}), "arm/v5") << "an older variant runs on a newer machine";
}

TEST(ImageIndex, TriesWhatContainerdTriesInItsOrder) {
    const auto order = [](const char* wanted) {
        std::string text;
        for (const Platform& platform : platforms_run_by(parse_platform(wanted)))
            text += (text.empty() ? "" : " ") + platform_text(platform);
        return text;
    };
    EXPECT_EQ(order("linux/amd64"), "linux/amd64/v1 linux/386");
    EXPECT_EQ(order("linux/amd64/v3"), "linux/amd64/v3 linux/amd64/v2 linux/amd64/v1 linux/386");
    EXPECT_EQ(order("linux/arm64"), "linux/arm64/v8 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5");
    EXPECT_EQ(order("linux/arm/v6"), "linux/arm/v6 linux/arm/v5");
    EXPECT_EQ(order("linux/riscv64"), "linux/riscv64");
}

TEST(Platform, IsWrittenInSeveralWays) {
    EXPECT_EQ(parse_platform("linux/x86_64"), (Platform{"amd64", "linux", ""}));
    EXPECT_EQ(parse_platform("Linux/AARCH64"), (Platform{"arm64", "linux", "v8"}));
    EXPECT_EQ(parse_platform("armhf"), (Platform{"arm", "linux", "v7"}));
    EXPECT_EQ(parse_platform("linux"), host_platform());
    EXPECT_TRUE(same_platform(parse_platform("linux/arm64"), parse_platform("linux/arm64/v8")));
    EXPECT_FALSE(same_platform(parse_platform("linux/arm/v6"), parse_platform("linux/arm")));
    for (const char* wrong : {"", "/", "linux/", "a/b/c/d", "linux/a b", "../../etc"})
        EXPECT_THROW(parse_platform(wrong), Error) << wrong;
}

}  // namespace
}  // namespace stack
