#include "runtime/image/image_config.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/manifest.hpp"
#include "runtime/image/reference.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxConfigBytes = 8u << 20;
constexpr std::size_t kMaxSteps = 10'000;

std::chrono::nanoseconds duration(const json& object, std::string_view key) {
    const std::int64_t value = json_fields::integer(object, key);
    if (value < 0) throw Error{ErrorKind::invalid_input, fmt::format("field '{}' is negative", key)};
    return std::chrono::nanoseconds{value};
}

std::optional<ImageHealthcheck> parse_healthcheck(const json& config) {
    const json* object = json_fields::object(config, "Healthcheck");
    if (object == nullptr) return std::nullopt;
    ImageHealthcheck result;
    result.test = json_fields::strings(*object, "Test");
    result.interval = duration(*object, "Interval");
    result.timeout = duration(*object, "Timeout");
    result.start_period = duration(*object, "StartPeriod");
    result.start_interval = duration(*object, "StartInterval");
    const std::int64_t retries = json_fields::integer(*object, "Retries");
    if (retries < 0 || retries > 1'000'000)
        throw Error{ErrorKind::invalid_input, "field 'Retries' is out of range"};
    result.retries = static_cast<int>(retries);
    return result;
}

void parse_run_settings(const json& document, ImageConfig& result) {
    const json* config = json_fields::object(document, "config");
    if (config == nullptr) return;
    result.entrypoint = json_fields::strings(*config, "Entrypoint");
    result.cmd = json_fields::strings(*config, "Cmd");
    result.env = json_fields::strings(*config, "Env");
    // execve(2) would pass an entry without a name on; libc and shells then disagree about what it means.
    for (const std::string& entry : result.env) {
        if (entry.empty() || entry.front() == '=')
            throw Error{ErrorKind::invalid_input,
                        fmt::format("field 'Env' has the nameless entry '{}'", entry)};
    }
    result.working_dir = json_fields::string(*config, "WorkingDir");
    result.user = json_fields::string(*config, "User");
    result.exposed_ports = json_fields::keys(*config, "ExposedPorts");
    result.volumes = json_fields::keys(*config, "Volumes");
    result.labels = json_fields::string_map(*config, "Labels");
    result.stop_signal = json_fields::string(*config, "StopSignal");
    result.healthcheck = parse_healthcheck(*config);
}

std::vector<ImageStep> parse_history(const json& document) {
    std::vector<ImageStep> steps;
    const json* list = json_fields::array(document, "history", kMaxSteps);
    if (list == nullptr) return steps;
    for (const json& item : *list) {
        if (!item.is_object())
            throw Error{ErrorKind::invalid_input, "field 'history' holds something that is no step"};
        const json* empty = json_fields::find(item, "empty_layer");
        if (empty != nullptr && !empty->is_boolean())
            throw Error{ErrorKind::invalid_input, "field 'empty_layer' is neither true nor false"};
        steps.push_back({json_fields::string(item, "created"), json_fields::string(item, "created_by"),
                         json_fields::string(item, "comment"), json_fields::string(item, "author"),
                         empty != nullptr && empty->get<bool>()});
    }
    return steps;
}

json empty_object_set(const std::vector<std::string>& names) {
    json result = json::object();
    for (const std::string& name : names) result[name] = json::object();
    return result;
}

json run_settings_json(const ImageConfig& config) {
    json result = json::object();
    if (!config.entrypoint.empty()) result["Entrypoint"] = config.entrypoint;
    if (!config.cmd.empty()) result["Cmd"] = config.cmd;
    if (!config.env.empty()) result["Env"] = config.env;
    if (!config.working_dir.empty()) result["WorkingDir"] = config.working_dir;
    if (!config.user.empty()) result["User"] = config.user;
    if (!config.exposed_ports.empty()) result["ExposedPorts"] = empty_object_set(config.exposed_ports);
    if (!config.volumes.empty()) result["Volumes"] = empty_object_set(config.volumes);
    if (!config.labels.empty()) result["Labels"] = config.labels;
    if (!config.stop_signal.empty()) result["StopSignal"] = config.stop_signal;
    if (config.healthcheck) {
        const ImageHealthcheck& check = *config.healthcheck;
        result["Healthcheck"] = {{"Test", check.test},
                                 {"Interval", check.interval.count()},
                                 {"Timeout", check.timeout.count()},
                                 {"StartPeriod", check.start_period.count()},
                                 {"StartInterval", check.start_interval.count()},
                                 {"Retries", check.retries}};
    }
    return result;
}

}  // namespace

ImageConfig parse_image_config(std::string_view text) {
    const json document = json_fields::parse_object(text, "image configuration", kMaxConfigBytes);
    ImageConfig result;
    parse_run_settings(document, result);
    result.architecture = json_fields::string(document, "architecture");
    result.os = json_fields::string(document, "os");
    result.variant = json_fields::string(document, "variant");
    result.created = json_fields::string(document, "created");
    if (const json* rootfs = json_fields::object(document, "rootfs")) {
        result.diff_ids = json_fields::strings(*rootfs, "diff_ids");
        if (result.diff_ids.size() > kMaxLayers)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("the image has more than {} layers", kMaxLayers)};
        for (const std::string& diff_id : result.diff_ids) static_cast<void>(digest_hex(diff_id));
    }
    result.history = parse_history(document);
    return result;
}

std::string image_config_json(const ImageConfig& config, std::string_view created_by) {
    json document = {{"architecture", config.architecture},
                     {"os", config.os},
                     {"config", run_settings_json(config)},
                     {"rootfs", {{"type", "layers"}, {"diff_ids", config.diff_ids}}}};
    if (!config.variant.empty()) document["variant"] = config.variant;
    json history = json::array();
    for (std::size_t i = 0; i < config.diff_ids.size(); ++i) {
        json step = {{"created_by", created_by}};
        if (!config.created.empty()) step["created"] = config.created;
        history.push_back(std::move(step));
    }
    document["history"] = std::move(history);
    if (!config.created.empty()) document["created"] = config.created;
    return document.dump();
}

}  // namespace stack
