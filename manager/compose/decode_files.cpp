// services.*: volumes, tmpfs, secrets, configs, env_file.
#include "manager/compose/decode_context.hpp"
#include "manager/compose/scalar.hpp"
#include "runtime/base/text.hpp"

#include <fmt/format.h>

namespace stack::compose {

namespace {

std::optional<VolumeMount> long_mount(DecodeContext& context, const Node& map) {
    VolumeMount mount;
    const Node* type = DecodeContext::member(map, "type");
    if (!type) {
        const Node* said = map.find("type");
        if (!said || !said->broken)
            context.error("value", "a volume in long form needs a type", map).hint = "bind, volume or tmpfs";
        return std::nullopt;
    }
    if (type->text == "image") {
        context.error("not-supported", "volumes of type \"image\" are not supported yet", *type);
        return std::nullopt;
    }
    if (type->text == "npipe" || type->text == "cluster") {
        context.error(
            "not-supported",
            fmt::format("volumes of type \"{}\" are not supported: not on a Linux host", type->text), *type);
        return std::nullopt;
    }
    if (!context.check_word(*type, {"bind", "volume", "tmpfs"}, "type")) return std::nullopt;
    mount.type = type->text == "bind"    ? VolumeMount::Type::bind
                 : type->text == "tmpfs" ? VolumeMount::Type::tmpfs
                                         : VolumeMount::Type::volume;
    mount.source = DecodeContext::text(map.find("source")).value_or("");
    mount.target = clean_path(DecodeContext::text(map.find("target")).value_or(""));
    mount.read_only = DecodeContext::boolean(map.find("read_only")).value_or(false);
    if (mount.type == VolumeMount::Type::bind && mount.source.empty()) {
        context.error("value", "a bind mount needs a source", map);
        return std::nullopt;
    }
    if (mount.type == VolumeMount::Type::tmpfs && !mount.source.empty())
        context.error("value", "a tmpfs has no source", *map.find("source"));

    const auto options = [&](std::string_view key, VolumeMount::Type wanted) -> const Node* {
        const Node* node = DecodeContext::member(map, key);
        if (!node || mount.type == wanted) return node;
        context.warning("ignored-key",
                        fmt::format("{} options have no effect on a mount of type {}", key, type->text),
                        *node);
        return nullptr;
    };
    if (const Node* bind = options("bind", VolumeMount::Type::bind)) {
        mount.create_host_path = DecodeContext::boolean(bind->find("create_host_path")).value_or(true);
        if (const Node* propagation = DecodeContext::member(*bind, "propagation"))
            if (context.check_word(*propagation,
                                   {"private", "rprivate", "shared", "rshared", "slave", "rslave"},
                                   "propagation"))
                mount.propagation = propagation->text;
    }
    if (const Node* volume = options("volume", VolumeMount::Type::volume)) {
        mount.nocopy = DecodeContext::boolean(volume->find("nocopy")).value_or(false);
        mount.subpath = DecodeContext::text(volume->find("subpath")).value_or("");
    }
    if (const Node* tmpfs = options("tmpfs", VolumeMount::Type::tmpfs)) {
        if (const auto size = context.bytes(tmpfs->find("size")))
            mount.tmpfs_size_bytes = static_cast<std::uint64_t>(*size);
        mount.tmpfs_mode = DecodeContext::octal(tmpfs->find("mode"));
    }
    return mount;
}

// Host paths become absolute; the target must be.
bool finish_mount(DecodeContext& context, const Node& item, VolumeMount& mount) {
    mount.position = context.position(item);
    if (mount.type == VolumeMount::Type::bind) mount.source = context.absolute_path(mount.source);
    if (mount.target.starts_with('/') && mount.target != "/") return true;
    Diagnostic& diagnostic = context.error(
        "value",
        mount.target.empty()  ? std::string{"a volume needs a target"}
        : mount.target == "/" ? std::string{"a volume can't be mounted on /"}
                              : fmt::format("the target \"{}\" is not an absolute path", mount.target),
        item);
    diagnostic.hint = "the target is a path inside the container, such as /data";
    return false;
}

}  // namespace

std::vector<VolumeMount> decode_mounts(DecodeContext& context, const Node& list) {
    std::vector<VolumeMount> result;
    for (const Entry& entry : list.items()) {
        const Node& item = *entry.value;
        if (!DecodeContext::usable(&item)) continue;
        std::optional<VolumeMount> mount;
        if (item.is_mapping()) {
            mount = long_mount(context, item);
        } else {
            Parsed<VolumeMount> parsed = parse_mount(item.text);
            if (auto* accepted = context.accept(parsed, item)) mount = std::move(*accepted);
        }
        if (mount && finish_mount(context, item, *mount)) result.push_back(std::move(*mount));
    }
    return result;
}

std::vector<VolumeMount> decode_tmpfs(DecodeContext& context, const Node& node) {
    std::vector<VolumeMount> result;
    const auto add = [&](const Node& item) {
        Parsed<VolumeMount> parsed = parse_tmpfs(item.text);
        auto* mount = context.accept(parsed, item);
        if (mount && finish_mount(context, item, *mount)) result.push_back(std::move(*mount));
    };
    if (node.is_scalar()) add(node);
    for (const Entry& entry : node.items())
        if (DecodeContext::usable(entry.value)) add(*entry.value);
    return result;
}

std::vector<FileGrant> decode_grants(DecodeContext& context, const Node& list, std::string_view directory) {
    std::vector<FileGrant> result;
    for (const Entry& entry : list.items()) {
        const Node& item = *entry.value;
        if (!DecodeContext::usable(&item)) continue;
        FileGrant grant;
        grant.position = context.position(item);
        if (item.is_mapping()) {
            grant.source = DecodeContext::text(item.find("source")).value_or("");
            grant.target = DecodeContext::text(item.find("target")).value_or("");
            grant.uid = DecodeContext::text(item.find("uid")).value_or("");
            grant.gid = DecodeContext::text(item.find("gid")).value_or("");
            grant.mode = DecodeContext::octal(item.find("mode"));
            if (grant.mode && *grant.mode > 07777)
                context
                    .error("value", fmt::format("the mode {} is beyond 07777", item.find("mode")->text),
                           *item.find("mode"))
                    .hint = "write it octal: 0440";
        } else {
            grant.source = item.text;
        }
        if (grant.source.empty()) {
            context.error("value", "the source is missing", item);
            continue;
        }
        if (grant.target.empty()) grant.target = grant.source;
        grant.target = clean_path(
            grant.target.starts_with('/') ? grant.target : fmt::format("{}/{}", directory, grant.target));
        result.push_back(std::move(grant));
    }
    return result;
}

std::vector<EnvFileReference> decode_env_files(DecodeContext& context, const Node& node) {
    std::vector<EnvFileReference> result;
    const auto add = [&](const Node& item) {
        EnvFileReference reference;
        reference.position = context.position(item);
        std::string path;
        if (item.is_mapping()) {
            path = DecodeContext::text(item.find("path")).value_or("");
            reference.required = DecodeContext::boolean(item.find("required")).value_or(true);
            if (const Node* format = DecodeContext::member(item, "format"))
                reference.raw = context.check_word(*format, {"raw"}, "format");
            if (const Node* place = DecodeContext::member(item, "path"))
                reference.position = context.position(*place);
        } else {
            path = item.text;
        }
        if (path.empty()) {
            context.error("value", "the path is missing", item);
            return;
        }
        reference.path = context.absolute_path(path);
        result.push_back(std::move(reference));
    };
    if (node.is_scalar()) add(node);
    for (const Entry& entry : node.items())
        if (DecodeContext::usable(entry.value)) add(*entry.value);
    return result;
}

}  // namespace stack::compose
