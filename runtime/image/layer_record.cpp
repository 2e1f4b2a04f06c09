#include "runtime/image/layer_record.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack {

namespace {

struct FolderIdentity {
    std::uint64_t inode = 0;
    std::int64_t born_ns = 0;
    bool operator==(const FolderIdentity&) const = default;
};

// nullopt, with errno set, when there is no such folder.
std::optional<FolderIdentity> identify_folder(const std::string& path) {
    struct statx info {};
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &info) != 0)
        return std::nullopt;
    FolderIdentity identity{info.stx_ino, 0};
    if ((info.stx_mask & STATX_BTIME) != 0)
        identity.born_ns = info.stx_btime.tv_sec * 1'000'000'000 + info.stx_btime.tv_nsec;
    return identity;
}

}  // namespace

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
        record.inode = static_cast<std::uint64_t>(json_fields::integer(document, "inode"));
        record.born_ns = json_fields::integer(document, "born_ns");
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
                          {"disk_bytes", record.disk_bytes},
                          {"inode", record.inode},
                          {"born_ns", record.born_ns}}
        .dump();
}

void measure_layer(const std::string& folder, LayerRecord& record) {
    const std::optional<FolderIdentity> identity = identify_folder(folder);
    if (!identity) throw_errno(fmt::format("measure '{}'", folder));
    record.inode = identity->inode;
    record.born_ns = identity->born_ns;
    record.disk_bytes = DiskCounter{}.tree(folder);
}

std::uint64_t layer_disk_bytes(const StorePaths& paths, std::string_view layer_id, DiskCounter& disk) {
    const std::string folder = paths.layer(layer_id);
    const std::uint64_t record_bytes = disk.object(paths.layer_record(layer_id));
    const std::optional<LayerRecord> record = read_layer_record(paths, layer_id);
    const std::optional<FolderIdentity> identity = identify_folder(folder);
    const bool known = record && identity && record->inode != 0 &&
                       *identity == FolderIdentity{record->inode, record->born_ns};
    return record_bytes + (known ? record->disk_bytes : disk.tree(folder));
}

}  // namespace stack
