#include "runtime/image/registry/credential_store.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/registry/auth_file.hpp"
#include "runtime/image/registry/base64.hpp"
#include "runtime/image/registry/credential_helper.hpp"
#include "runtime/image/registry/credential_search.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::registry {

namespace {

using nlohmann::ordered_json;

struct FreeText {
    void operator()(char* text) const { ::free(text); }
};

// docker's config.json as it is on disk.
class ConfigFile {
  public:
    explicit ConfigFile(const Environment& environment) : path_{docker_config_file(environment)} {
        if (path_.empty())
            throw Error{ErrorKind::invalid_input, "there is no folder for credentials"}.with_hint(
                "set HOME or DOCKER_CONFIG");
        // A link to a file that somebody keeps elsewhere stays one.
        const std::unique_ptr<char, FreeText> real{::realpath(path_.c_str(), nullptr)};
        if (real) path_ = real.get();
        const std::string text = read_file_if_exists(path_, kMaxAuthFile).value_or("{}");
        known_ = AuthFile::parse(text, path_);  // refuses what we would not understand
        document_ = ordered_json::parse(text);
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string helper_for(const std::string& registry) const {
        return known_.helper_for(registry);
    }

    void set(const std::string& registry, ordered_json entry) {
        erase(registry);
        document_["auths"][auth_key(registry)] = std::move(entry);
    }

    // Whichever way its key is written.
    bool erase(const std::string& registry) {
        const auto entries = document_.find("auths");
        if (entries == document_.end()) return false;
        std::vector<std::string> keys;
        for (const auto& [key, entry] : entries->items())
            if (normal_auth_key(key) == registry) keys.push_back(key);
        for (const std::string& key : keys) entries->erase(key);
        return !keys.empty();
    }

    void write() const {
        make_directories(path_.substr(0, path_.rfind('/')));
        struct stat before {};
        const bool replaces = ::stat(path_.c_str(), &before) == 0;
        write_file_atomically(path_, document_.dump(1, '\t') + '\n', Durability::power_loss);
        // Under sudo with the user's HOME the file stays the user's.
        if (replaces && before.st_uid != ::geteuid() &&
            ::lchown(path_.c_str(), before.st_uid, before.st_gid) != 0)
            throw_errno(fmt::format("give '{}' back to its owner", path_));
    }

  private:
    std::string path_;
    AuthFile known_;
    ordered_json document_;
};

}  // namespace

KeptCredentials keep_credentials(const std::string& registry, const Credentials& credentials,
                                 const Environment& environment) {
    ConfigFile file{environment};
    if (const std::string helper = file.helper_for(registry); !helper.empty()) {
        CredentialHelper{helper, environment}.store(auth_key(registry), credentials);
        file.set(registry, ordered_json::object());  // as docker: the key says that there are some
        file.write();
        return {"docker-credential-" + helper, true};
    }
    file.set(registry, {{"auth", base64_encode(credentials.user + ':' + credentials.secret)}});
    file.write();
    return {file.path(), false};
}

bool forget_credentials(const std::string& registry, const Environment& environment) {
    ConfigFile file{environment};
    bool forgotten = false;
    if (const std::string helper = file.helper_for(registry); !helper.empty()) {
        const CredentialHelper program{helper, environment};
        forgotten = program.get(auth_key(registry)).has_value();
        if (forgotten) program.erase(auth_key(registry));
    }
    if (file.erase(registry)) {
        file.write();
        forgotten = true;
    }
    return forgotten;
}

}  // namespace stack::registry
