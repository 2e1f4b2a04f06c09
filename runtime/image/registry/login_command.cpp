#include "runtime/image/registry/login_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/image/fetcher_run.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/registry/auth_file.hpp"
#include "runtime/image/registry/credential_search.hpp"
#include "runtime/image/registry/credential_store.hpp"
#include "runtime/image/registry/fetcher.hpp"
#include "runtime/image/registry/settings.hpp"
#include "runtime/image/worker_arguments.hpp"

#include <unistd.h>

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

constexpr std::string_view kLoginUsage =
    "usage: stack-image login --root DIR [--config-dir DIR] [--insecure REGISTRY]... [--timeout SECONDS] "
    "--user USER REGISTRY < SECRET";
constexpr std::string_view kLogoutUsage = "usage: stack-image logout --root DIR REGISTRY";
constexpr std::size_t kMaxSecret = 32u << 10;

// `docker.io`, `registry.example:5000`; what is written around it in other tools is taken off.
std::string registry_named(const std::string& text) {
    std::string name = registry::normal_auth_key(text);
    // A name without a dot is a host here, as `localhost` is.
    const std::string probe = name.find_first_of(".:") == std::string::npos ? name + ":443" : name;
    try {
        if (ImageReference::parse(probe + "/x").registry == probe) return name;
    } catch (const Error&) {  // said below
    }
    throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not a registry", text)}.with_hint(
        "write host or host:port, without a scheme and without a path");
}

std::string read_secret() {
    std::string secret = read_all(STDIN_FILENO, "the secret", kMaxSecret);
    while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
    if (secret.empty()) throw Error{ErrorKind::invalid_input, "there is no secret on standard input"};
    return secret;
}

// The registry's own answer to these credentials; mirrors are not asked.
void check_credentials(registry::FetcherPlan plan) {
    plan.endpoints.erase(plan.endpoints.begin(), plan.endpoints.end() - 1);
    with_fetcher(plan, [](const UniqueFd& socket) {
        registry::Fetcher fetcher{socket.duplicate()};
        static_cast<void>(fetcher.ping().finish());
    });
}

}  // namespace

void login_verb(const std::vector<std::string>& words, EventWriter& events) {
    registry::RegistrySettings settings;
    registry::Credentials credentials;
    std::vector<WorkerFlag> flags = registry::registry_flags(settings);
    flags.push_back(
        {"--root", [](const std::string&) {}});  // every verb has it; credentials are not kept there
    flags.push_back({"--user", [&](const std::string& value) { credentials.user = value; }});
    const std::vector<std::string> operands = parse_worker_arguments(words, flags, kLoginUsage);
    if (operands.size() != 1) throw_bad_usage("login takes one registry", kLoginUsage);
    const std::string name = registry_named(operands.front());
    if (credentials.user.empty()) throw_bad_usage("--user is missing", kLoginUsage);
    if (credentials.user.find(':') != std::string::npos)
        throw Error{ErrorKind::invalid_input, "a user's name has no colon (RFC 7617)"};
    credentials.secret = read_secret();

    registry::FetcherPlan plan = registry::plan_fetcher(settings, name, {});
    plan.endpoints.back().credentials = credentials;
    check_credentials(std::move(plan));
    const registry::KeptCredentials kept =
        registry::keep_credentials(name, credentials, registry::process_environment);
    if (!kept.encrypted)
        events.warning(
            fmt::format("the password is kept unencrypted in {}; docker's credential helpers keep it in a "
                        "key ring",
                        kept.place));
    events.write({{"event", "result"}, {"reference", name}});
}

void logout_verb(const std::vector<std::string>& words, EventWriter& events) {
    const std::vector<std::string> operands =
        parse_worker_arguments(words, {{"--root", [](const std::string&) {}}}, kLogoutUsage);
    if (operands.size() != 1) throw_bad_usage("logout takes one registry", kLogoutUsage);
    const std::string name = registry_named(operands.front());
    const bool forgotten = registry::forget_credentials(name, registry::process_environment);
    std::vector<std::string> troubles;
    const registry::Credentials left =
        registry::find_credentials(name, {}, registry::process_environment, troubles);
    if (!left.empty())
        events.warning(fmt::format("there are still credentials for {} in {}", name, left.origin));
    if (!forgotten && left.empty())
        throw Error{ErrorKind::not_found, fmt::format("there are no credentials for registry {}", name)};
    events.write({{"event", "result"}, {"reference", name}});
}

}  // namespace stack::image
