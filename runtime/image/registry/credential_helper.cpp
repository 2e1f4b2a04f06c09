#include "runtime/image/registry/credential_helper.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/registry/registry_error.hpp"

#include <unistd.h>

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::registry {

namespace {

constexpr int kHelperLimitMs = 60'000;  // some ask for a touch or a password
constexpr std::size_t kMaxHelperAnswer = 1u << 20;
constexpr std::string_view kNotFound = "credentials not found in native keychain";
constexpr std::string_view kTokenUser = "<token>";  // the secret is an identity token

bool is_helper_name(const std::string& name) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return !name.empty() && name.size() <= 64 && name.find_first_not_of(kAllowed) == std::string::npos;
}

}  // namespace

CredentialHelper::CredentialHelper(const std::string& name, const Environment& environment) {
    if (!is_helper_name(name))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("'{}' is not the name of a credential helper", name)};
    const std::string program = "docker-credential-" + name;
    for (const std::string& folder : split(environment("PATH"), ':')) {
        if (!folder.starts_with('/')) continue;
        program_ = folder + '/' + program;
        if (::access(program_.c_str(), X_OK) == 0) return;
    }
    throw Error{ErrorKind::not_found, fmt::format("the credential helper '{}' is not in $PATH", program)};
}

std::string CredentialHelper::run(const char* verb, const std::string& input, bool& not_found) const {
    Pipe in = make_pipe();
    // Far less than a pipe holds: nothing blocks.
    if (input.size() > 32u << 10) throw Error{ErrorKind::invalid_input, "the secret is longer than 32 KiB"};
    write_all(in.write.get(), input, "the credential helper's input");
    in.write.reset();
    SpawnOptions options;
    options.argv = {program_, verb};
    options.fds = {in.read.get()};
    const CommandResult result = run_command(options, kHelperLimitMs);
    if (result.exit_code == 0) return result.out;
    // Helpers print errors to standard output.
    const std::string words = one_line(trim(result.out.empty() ? result.err : result.out));
    not_found = words.starts_with(kNotFound);
    if (not_found) return {};
    throw Error{ErrorKind::failed, fmt::format("'{} {}' failed: {}", program_, verb, words)};
}

std::optional<Credentials> CredentialHelper::get(const std::string& key) const {
    bool not_found = false;
    const std::string answer = run("get", key, not_found);
    if (not_found) return std::nullopt;
    const nlohmann::json object = json_fields::parse_object(answer, program_ + "'s answer", kMaxHelperAnswer);
    Credentials result;
    result.origin = program_;
    result.user = json_fields::string(object, "Username");
    result.secret = json_fields::string(object, "Secret");
    if (result.user == kTokenUser) {
        result.user.clear();
        result.identity_token = std::exchange(result.secret, {});
    }
    if (result.empty()) return std::nullopt;
    return result;
}

void CredentialHelper::store(const std::string& key, const Credentials& credentials) const {
    const nlohmann::json object = {
        {"ServerURL", key}, {"Username", credentials.user}, {"Secret", credentials.secret}};
    bool not_found = false;
    static_cast<void>(run("store", object.dump(), not_found));
}

void CredentialHelper::erase(const std::string& key) const {
    bool not_found = false;
    static_cast<void>(run("erase", key, not_found));
}

}  // namespace stack::registry
