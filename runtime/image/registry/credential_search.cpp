#include "runtime/image/registry/credential_search.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/registry/auth_file.hpp"
#include "runtime/image/registry/credential_helper.hpp"

#include <unistd.h>

#include <optional>

#include <fmt/format.h>

namespace stack::registry {

namespace {

std::optional<Credentials> find_in(const AuthFile& file, const std::string& path, const std::string& registry,
                                   const std::string& repository, const Environment& environment,
                                   std::vector<std::string>& warnings) {
    if (const std::string helper = file.helper_for(registry); !helper.empty()) {
        try {
            if (auto found = CredentialHelper{helper, environment}.get(auth_key(registry))) return found;
        } catch (const Error& error) {
            warnings.push_back(fmt::format("{} (named in {})", error.what(), path));
        }
    }
    return file.find(registry, repository);
}

}  // namespace

std::string docker_config_file(const Environment& environment) {
    if (const std::string folder = environment("DOCKER_CONFIG"); !folder.empty())
        return folder + "/config.json";
    const std::string home = home_of(environment);
    return home.empty() ? home : home + "/.docker/config.json";
}

std::vector<std::string> auth_files(const Environment& environment) {
    const std::string runtime = environment("XDG_RUNTIME_DIR");
    const std::string config = config_home_of(environment);
    std::vector<std::string> files;
    for (const std::string& file : {environment("REGISTRY_AUTH_FILE"), docker_config_file(environment),
                                    runtime.empty() ? fmt::format("/run/containers/{}/auth.json", ::geteuid())
                                                    : runtime + "/containers/auth.json",
                                    config.empty() ? config : config + "/containers/auth.json"})
        if (!file.empty()) files.push_back(file);
    return files;
}

Credentials find_credentials(const std::string& registry, const std::string& repository,
                             const Environment& environment, std::vector<std::string>& warnings) {
    for (const std::string& path : auth_files(environment)) {
        try {
            const std::optional<std::string> text = read_file_if_exists(path, kMaxAuthFile);
            if (!text) continue;
            const AuthFile file = AuthFile::parse(*text, path);
            if (auto found = find_in(file, path, registry, repository, environment, warnings)) return *found;
        } catch (const Error& error) {
            warnings.push_back(fmt::format("credentials passed over: {}", error.what()));
        }
    }
    return {};
}

}  // namespace stack::registry
