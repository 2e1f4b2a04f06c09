// What an image says about how to run it: the OCI image configuration (image-spec config.md) with Docker's
// Healthcheck extension. The bytes come from strangers: types are checked, sizes capped, nothing is a path
// here.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

struct ImageHealthcheck {
    std::vector<std::string> test;  ///< NONE | CMD … | CMD-SHELL …
    /// 0 = the default of whoever runs it.
    std::chrono::nanoseconds interval{0}, timeout{0}, start_period{0}, start_interval{0};
    int retries = 0;
    bool operator==(const ImageHealthcheck&) const = default;
};

/// One step of how the image was made (image-spec config.md, "history").
struct ImageStep {
    std::string created;  ///< RFC 3339, may be empty
    std::string created_by, comment, author;
    bool empty_layer = false;  ///< it changed settings only and has no layer
    bool operator==(const ImageStep&) const = default;
};

struct ImageConfig {
    std::vector<std::string> entrypoint, cmd;
    std::vector<std::string> env;            ///< K=V, K not empty
    std::string working_dir;                 ///< as written; empty means /
    std::string user;                        ///< as written (`uid[:gid]` or names); checked by who uses it
    std::vector<std::string> exposed_ports;  ///< 80/tcp, sorted
    std::vector<std::string> volumes;        ///< sorted
    std::map<std::string, std::string> labels;
    std::string stop_signal;  ///< as written, may be empty
    std::optional<ImageHealthcheck> healthcheck;
    std::string architecture, os, variant;
    std::string created;                ///< RFC 3339, may be empty
    std::vector<std::string> diff_ids;  ///< bottom layer first, each a checked sha256 digest
    std::vector<ImageStep> history;  ///< oldest first; may be empty or speak of fewer layers than there are
    bool operator==(const ImageConfig&) const = default;
};

/// Parses an OCI or Docker image configuration. Throws Error(invalid_input) naming the field.
ImageConfig parse_image_config(std::string_view json);
/// The OCI form, keys sorted: equal values give equal bytes.
std::string image_config_json(const ImageConfig& config, std::string_view created_by);

}  // namespace stack
