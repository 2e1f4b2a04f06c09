// Where credentials and certificates are found.
#include "runtime/base/error.hpp"
#include "runtime/image/registry/auth_file.hpp"
#include "runtime/image/registry/certificates.hpp"
#include "runtime/image/registry/credential_helper.hpp"
#include "runtime/image/registry/credential_search.hpp"
#include "runtime/image/registry/settings.hpp"
#include "tests/support/temp_root.hpp"

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::optional<std::string> user_for(const AuthFile& file, const std::string& registry,
                                    const std::string& repository = "team/app") {
    const auto found = file.find(registry, repository);
    return found ? std::optional{found->user + ":" + found->secret + found->identity_token} : std::nullopt;
}

TEST(AuthFile, KeysAreHostsUrlsAndPaths) {
    const AuthFile file = AuthFile::parse(R"({"auths": {
        "https://index.docker.io/v1/": {"auth": "aHViOnNlY3JldA=="},
        "registry.example:5000": {"username": "plain", "password": "pass:word"},
        "https://old.example/v2/": {"auth": "b2xkOg=="},
        "registry.example/team": {"auth": "dGVhbTp0"},
        "registry.example/team/app/deep": {"auth": "ZGVlcDpk"},
        "registry.example": {"identitytoken": "refresh", "auth": "dTo="},
        "empty.example": {}
    }})",
                                          "config.json");
    EXPECT_EQ(user_for(file, "docker.io"), "hub:secret");
    EXPECT_EQ(user_for(file, "registry.example:5000"), "plain:pass:word");
    EXPECT_EQ(user_for(file, "old.example"), "old:");
    EXPECT_EQ(user_for(file, "registry.example", "team/app"), "team:t");
    EXPECT_EQ(user_for(file, "registry.example", "team/app/deep"), "deep:d");
    EXPECT_EQ(user_for(file, "registry.example", "teams"), "u:refresh");
    EXPECT_EQ(user_for(file, "empty.example"), std::nullopt);
    EXPECT_EQ(user_for(file, "other.example"), std::nullopt);
    EXPECT_EQ(file.find("docker.io", "x")->origin, "config.json");
}

TEST(AuthFile, ABrokenEntryHarmsItsRegistryOnly) {
    const AuthFile file = AuthFile::parse(
        R"({"auths": {"broken.example": {"auth": "%%%"}, "nocolon.example": {"auth": "YWJj"},
                      "good.example": {"auth": "YTpi"}}})",
        "config.json");
    EXPECT_EQ(user_for(file, "good.example"), "a:b");
    EXPECT_THROW(static_cast<void>(file.find("broken.example", "x")), Error);
    EXPECT_THROW(static_cast<void>(file.find("nocolon.example", "x")), Error);
    for (const char* bad : {"", "[]", R"({"auths": []})", R"({"auths": {"x": 5}})", R"({"credsStore": {}})"})
        EXPECT_THROW(AuthFile::parse(bad, "config.json"), Error) << bad;
}

TEST(AuthFile, HelpersByRegistryBeforeTheOneForAll) {
    const AuthFile file =
        AuthFile::parse(R"({"credsStore": "desktop", "credHelpers": {"ecr.example": "ecr-login"}})", "f");
    EXPECT_EQ(file.helper_for("ecr.example"), "ecr-login");
    EXPECT_EQ(file.helper_for("docker.io"), "desktop");
}

class CredentialFiles : public testing::Test {
  protected:
    CredentialFiles() {
        variables_["HOME"] = directory_.file("home");
        variables_["PATH"] = "relative:" + directory_.file("bin");
        variables_["XDG_RUNTIME_DIR"] = directory_.file("run");
    }
    [[nodiscard]] Environment environment() const {
        return [this](const char* name) {
            const auto found = variables_.find(name);
            return found == variables_.end() ? std::string{} : found->second;
        };
    }
    Credentials find(const std::string& registry, const std::string& repository = "team/app") {
        warnings_.clear();
        return find_credentials(registry, repository, environment(), warnings_);
    }
    void helper(const std::string& name, const std::string& script) const {
        directory_.write("bin/docker-credential-" + name, "#!/bin/sh\n" + script, 0755);
    }

    test::TempDir directory_;
    std::map<std::string, std::string> variables_;
    std::vector<std::string> warnings_;
};

TEST_F(CredentialFiles, AreAskedInTheirOrder) {
    const auto file_of = [](const std::string& user) {
        return fmt::format(R"({{"auths": {{"registry.example": {{"username": "{}"}}}}}})", user);
    };
    EXPECT_TRUE(find("registry.example").empty());
    directory_.write("home/.config/containers/auth.json", file_of("config"));
    EXPECT_EQ(find("registry.example").user, "config");
    directory_.write("run/containers/auth.json", file_of("runtime"));
    EXPECT_EQ(find("registry.example").user, "runtime");
    directory_.write("home/.docker/config.json", file_of("docker"));
    EXPECT_EQ(find("registry.example").user, "docker");
    variables_["DOCKER_CONFIG"] = directory_.file("elsewhere");
    EXPECT_EQ(find("registry.example").user, "runtime");
    variables_["REGISTRY_AUTH_FILE"] = directory_.write("mine.json", file_of("mine"));
    EXPECT_EQ(find("registry.example").user, "mine");
    EXPECT_EQ(find("registry.example").origin, directory_.file("mine.json"));
    EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(CredentialFiles, WhatCantBeReadIsAWarning) {
    directory_.write("home/.docker/config.json", "{broken");
    directory_.write("run/containers/auth.json", R"({"auths": {"registry.example": {"username": "next"}}})");
    EXPECT_EQ(find("registry.example").user, "next");
    EXPECT_THAT(warnings_, ElementsAre(HasSubstr(".docker/config.json")));
}

TEST_F(CredentialFiles, HelpersAreAskedByThePublicKeyOfARegistry) {
    directory_.write("home/.docker/config.json", R"({"credsStore": "test"})");
    helper("test",
           R"(read key; printf '{"ServerURL":"%s","Username":"of %s","Secret":"s-%s"}' "$key" "$key" "$1")");
    EXPECT_EQ(find("docker.io").user, "of https://index.docker.io/v1/");
    EXPECT_EQ(find("registry.example:5000").user, "of registry.example:5000");
    EXPECT_EQ(find("registry.example:5000").secret, "s-get");
    helper("test", R"(echo '{"Username":"<token>","Secret":"refresh"}')");
    EXPECT_EQ(find("docker.io").identity_token, "refresh");
    EXPECT_EQ(find("docker.io").user, "");
}

TEST_F(CredentialFiles, AHelperThatFailsLeavesTheFileItself) {
    directory_.write("home/.docker/config.json", R"({"credHelpers": {"registry.example": "test"},
        "auths": {"registry.example": {"username": "file"}}})");
    EXPECT_EQ(find("registry.example").user, "file");
    EXPECT_THAT(warnings_, ElementsAre(HasSubstr("'docker-credential-test' is not in $PATH")));
    helper("test", "echo credentials not found in native keychain; exit 1");
    EXPECT_EQ(find("registry.example").user, "file");
    EXPECT_THAT(warnings_, IsEmpty());
    helper("test", R"(printf 'the key\033[31mring is locked'; exit 1)");
    EXPECT_EQ(find("registry.example").user, "file");
    EXPECT_THAT(warnings_, ElementsAre(HasSubstr("the key [31mring is locked")));
}

TEST_F(CredentialFiles, AHelperIsNeverAPath) {
    for (const char* name : {"../evil", "/bin/sh", "", "a b", "x;y"})
        EXPECT_THROW((CredentialHelper{name, environment()}), Error) << name;
    directory_.write("relative/docker-credential-here", "#!/bin/sh\n", 0755);
    EXPECT_THROW((CredentialHelper{"here", environment()}), Error);
}

TEST_F(CredentialFiles, CertificatesOfAHostAreGathered) {
    directory_.write("ours/certs.d/registry.example:5000/one.crt", "ONE");
    directory_.write("home/.docker/certs.d/registry.example:5000/two.crt", "TWO");
    directory_.write("home/.docker/certs.d/registry.example:5000/me.cert", "CERT");
    directory_.write("home/.docker/certs.d/registry.example:5000/me.key", "KEY");
    directory_.write("home/.docker/certs.d/registry.example/other.crt", "OTHER");
    variables_["SSL_CERT_FILE"] = directory_.write("bundle.pem", "BUNDLE");
    RegistrySettings settings;
    settings.config_dir = directory_.file("ours");
    const FetcherPlan plan = plan_fetcher(settings, "registry.example:5000", "team/app", environment());
    const TlsMaterial& tls = plan.endpoints.back().tls;
    EXPECT_EQ(tls.authorities, "BUNDLE\nONE\nTWO\n");
    EXPECT_EQ(tls.client_certificate, "CERT\n");
    EXPECT_EQ(tls.client_key, "KEY\n");
    directory_.write("ours/certs.d/registry.example:5000/lonely.cert", "CERT");
    EXPECT_THROW(plan_fetcher(settings, "registry.example:5000", "team/app", environment()), Error);
    variables_["SSL_CERT_FILE"] = directory_.file("absent.pem");
    EXPECT_THROW(plan_fetcher(settings, "docker.io", "library/app", environment()), Error);
}

TEST_F(CredentialFiles, ProxiesComeFromTheEnvironment) {
    variables_["http_proxy"] = "http://lower:1";
    variables_["HTTP_PROXY"] = "http://upper:1";
    variables_["HTTPS_PROXY"] = "http://secure:1";
    variables_["NO_PROXY"] = "example.org";
    const auto proxies = [&] { return plan_fetcher({}, "docker.io", "x", environment()).proxies; };
    EXPECT_EQ(proxies(), (ProxySettings{"http://lower:1", "http://secure:1", "example.org"}));
    variables_.erase("http_proxy");
    EXPECT_EQ(proxies().http, "http://upper:1");
    variables_["REQUEST_METHOD"] = "GET";
    EXPECT_EQ(proxies().http, "");
}

TEST(RegistryFlags, FillTheSettings) {
    RegistrySettings settings;
    const auto words =
        image::parse_worker_arguments({"--config-dir", "/c", "--mirror", "docker.io=https://a", "--mirror",
                                       "docker.io=https://b", "--insecure", "r:1", "--timeout", "5", "NAME"},
                                      registry_flags(settings), "usage");
    EXPECT_THAT(words, ElementsAre("NAME"));
    EXPECT_EQ(settings.config_dir, "/c");
    EXPECT_THAT(settings.rules.mirrors.at("docker.io"), ElementsAre("https://a", "https://b"));
    EXPECT_THAT(settings.rules.insecure, ElementsAre("r:1"));
    EXPECT_EQ(settings.silence, std::chrono::seconds{5});
    for (const char* mirror : {"docker.io", "=https://a", "docker.io="})
        EXPECT_THROW(image::parse_worker_arguments({"--mirror", mirror}, registry_flags(settings), ""),
                     Error);
    for (const char* seconds : {"0", "-1", "x", "100000"})
        EXPECT_THROW(image::parse_worker_arguments({"--timeout", seconds}, registry_flags(settings), ""),
                     Error);
}

}  // namespace
}  // namespace stack::registry
