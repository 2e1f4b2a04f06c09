#include "tests/support/test_image.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"

#include <stdio.h>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::test {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& content) {
    std::ofstream out{path, std::ios::binary};
    out.exceptions(std::ios::badbit | std::ios::failbit);
    out << content;
}

std::string gzip(const std::string& plain) {
    z_stream stream{};
    if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw Error{ErrorKind::failed, "zlib does not start"};
    std::string packed(::deflateBound(&stream, plain.size()) + 32, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    const int result = ::deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    ::deflateEnd(&stream);
    if (result != Z_STREAM_END) throw Error{ErrorKind::failed, "zlib does not finish"};
    return packed;
}

class Layout {
  public:
    explicit Layout(const fs::path& folder) : folder_{folder} {
        fs::create_directories(folder / "blobs/sha256");
        write(folder / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    }

    json add(const std::string& media_type, const std::string& content) const {
        const std::string digest = sha256_digest(content);
        write(folder_ / "blobs/sha256" / digest.substr(7), content);
        return {{"mediaType", media_type}, {"digest", digest}, {"size", content.size()}};
    }

    void name(json descriptor, const std::string& tag) const {
        const fs::path path = folder_ / "index.json";
        json index = {{"schemaVersion", 2}, {"manifests", json::array()}};
        if (const auto old = read_file_if_exists(path.string())) index = json::parse(*old);
        descriptor["annotations"] = {{"org.opencontainers.image.ref.name", tag}};
        index["manifests"].push_back(std::move(descriptor));
        write(path, index.dump());
    }

  private:
    fs::path folder_;
};

}  // namespace

std::string tar_of_file(const std::string& name, const std::string& content) {
    std::array<char, 512> header{};
    const auto put = [&](std::size_t at, const std::string& text) {
        std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
    };
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, fmt::format("{:011o}", content.size()));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + '\0');
    std::string tar{header.begin(), header.end()};
    tar += content;
    tar.resize((tar.size() + 511) / 512 * 512 + 1024);
    return tar;
}

std::string write_image_layout(const std::string& folder, const std::string& tag, const TestImage& image) {
    const Layout layout{folder};
    json layers = json::array(), diff_ids = json::array();
    for (const std::string& tar : image.layers) {
        diff_ids.push_back(sha256_digest(tar));
        layers.push_back(image.gzip ? layout.add("application/vnd.oci.image.layer.v1.tar+gzip", gzip(tar))
                                    : layout.add("application/vnd.oci.image.layer.v1.tar", tar));
    }
    json config = {{"architecture", image.architecture},
                   {"os", "linux"},
                   {"config", {{"Cmd", {"/bin/sh"}}}},
                   {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}};
    if (!image.variant.empty()) config["variant"] = image.variant;
    const json manifest = {{"schemaVersion", 2},
                           {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                           {"config", layout.add("application/vnd.oci.image.config.v1+json", config.dump())},
                           {"layers", layers}};
    json descriptor = layout.add("application/vnd.oci.image.manifest.v1+json", manifest.dump());
    descriptor["platform"] = {{"architecture", image.architecture}, {"os", "linux"}};
    if (!image.variant.empty()) descriptor["platform"]["variant"] = image.variant;
    std::string digest = descriptor["digest"];
    layout.name(std::move(descriptor), tag);
    return digest;
}

}  // namespace stack::test
