// Small images for tests, written as an OCI image layout by code that shares nothing with the program's writers but
// its hash.
#pragma once

#include <string>
#include <vector>

namespace stack::test {

struct TestImage {
    std::vector<std::string> layers{};  ///< tar archives, bottom first
    bool gzip = true;                   ///< else the layers stay uncompressed
    std::string architecture = "amd64", variant;
};

/// A tar archive of one file.
std::string tar_of_file(const std::string& name, const std::string& content);

/// Adds the image to the layout in `folder` (made when missing) under `tag`; the manifest's digest.
std::string write_image_layout(const std::string& folder, const std::string& tag, const TestImage& image);

}  // namespace stack::test
