#include "runtime/image/registry/auth_file.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/registry/base64.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::registry {

namespace {

using nlohmann::json;

constexpr std::string_view kHubKey = "https://index.docker.io/v1/";

}  // namespace

std::string auth_key(const std::string& registry) {
    return registry == "docker.io" ? std::string{kHubKey} : registry;
}

std::string normal_auth_key(std::string_view key) {
    for (const std::string_view scheme : {"https://", "http://"})
        if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
    while (key.ends_with('/')) key.remove_suffix(1);
    for (const std::string_view version : {"/v1", "/v2"})
        if (key.ends_with(version)) key.remove_suffix(version.size());
    const std::size_t slash = std::min(key.find('/'), key.size());
    const std::string_view host = key.substr(0, slash);
    const bool is_hub = host == "index.docker.io" || host == "registry-1.docker.io";
    return std::string{is_hub ? "docker.io" : host}.append(key.substr(slash));
}

AuthFile AuthFile::parse(std::string_view text, const std::string& path) {
    const json document = json_fields::parse_object(text, path, kMaxAuthFile);
    AuthFile result;
    result.path_ = path;
    result.default_helper_ = json_fields::string(document, "credsStore");
    for (auto& [registry, helper] : json_fields::string_map(document, "credHelpers"))
        result.helpers_.emplace(normal_auth_key(registry), helper);
    const json* entries = json_fields::object(document, "auths");
    if (entries == nullptr) return result;
    for (const auto& [key, entry] : entries->items()) {
        if (!entry.is_object())
            throw Error{ErrorKind::invalid_input,
                        fmt::format("{}: the entry for '{}' is no object", path, key)};
        Entry kept;
        kept.credentials = {json_fields::string(entry, "username"), json_fields::string(entry, "password"),
                            json_fields::string(entry, "identitytoken"), path};
        kept.packed = json_fields::string(entry, "auth");
        result.entries_.emplace(normal_auth_key(key), std::move(kept));
    }
    return result;
}

// What is wrong with one entry is told to those who need it.
std::optional<Credentials> AuthFile::unpack(const std::string& key, const Entry& entry) const {
    Credentials result = entry.credentials;
    if (!entry.packed.empty()) {
        std::optional<std::string> plain = base64_decode(entry.packed);
        const std::size_t colon = plain ? plain->find(':') : std::string::npos;
        if (colon == std::string::npos)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("{}: the entry for '{}' can't be read", path_, key)}
                .with_hint(fmt::format("log in again: stack login {}", key));
        while (plain->ends_with('\0')) plain->pop_back();  // as docker does
        result.user = plain->substr(0, colon);
        result.secret = plain->substr(colon + 1);
    }
    if (result.empty()) return std::nullopt;
    return result;
}

std::optional<Credentials> AuthFile::find(const std::string& registry, const std::string& repository) const {
    std::string name = normal_auth_key(registry);
    if (!repository.empty()) name += '/' + repository;
    for (;;) {
        if (const auto entry = entries_.find(name); entry != entries_.end())
            if (auto credentials = unpack(name, entry->second)) return credentials;
        const std::size_t slash = name.rfind('/');
        if (slash == std::string::npos) return std::nullopt;
        name.resize(slash);
    }
}

std::string AuthFile::helper_for(const std::string& registry) const {
    const auto helper = helpers_.find(registry);
    return helper == helpers_.end() ? default_helper_ : helper->second;
}

}  // namespace stack::registry
