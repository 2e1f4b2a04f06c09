#include "runtime/image/layer_record.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"

#include <nlohmann/json.hpp>

namespace stack {

std::string layer_id_of(std::string_view chain_id) {
    return digest_hex(chain_id).substr(0, 24);
}

std::optional<LayerRecord> parse_layer_record(std::string_view text) {
    try {
        const nlohmann::json document = json_fields::parse_object(text, "layer record", 1u << 20);
        LayerRecord record;
        record.chain_id = json_fields::string(document, "chain_id");
        record.diff_id = json_fields::string(document, "diff_id");
        record.size = static_cast<std::uint64_t>(json_fields::integer(document, "size"));
        record.disk_bytes = static_cast<std::uint64_t>(json_fields::integer(document, "disk_bytes"));
        if (!is_sha256_digest(record.chain_id)) return std::nullopt;
        return record;
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::optional<LayerRecord> read_layer_record(const StorePaths& paths, std::string_view layer_id) {
    const std::optional<std::string> text = read_file_if_exists(paths.layer_record(layer_id), 1u << 20);
    return text ? parse_layer_record(*text) : std::nullopt;
}

std::string layer_record_json(const LayerRecord& record) {
    return nlohmann::json{{"version", 1},
                          {"chain_id", record.chain_id},
                          {"diff_id", record.diff_id},
                          {"size", record.size},
                          {"disk_bytes", record.disk_bytes}}
        .dump();
}

}  // namespace stack
