// Registries that want to know who asks: TLS with a CA of its own, client certificates, passwords, tokens; and the
// verbs `login` and `logout` that keep credentials.
#include "runtime/base/child_process.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/registry/settings.hpp"
#include "tests/kernel/registry_lab.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/script_server.hpp"
#include "tests/support/temp_root.hpp"
#include "tests/support/test_certificates.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using registry::Credentials;
using registry::FetchOutcome;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Protected : public testing::Test {
  protected:
    Protected() {
        std::filesystem::create_directory(directory_.file("tls"));
        variables_["HOME"] = directory_.file("home");
    }
    [[nodiscard]] const TestCertificates& certificates() {
        if (!certificates_) certificates_.emplace(directory_.file("tls"));
        return *certificates_;
    }
    /// As a user's command would make it: everything from files below HOME.
    [[nodiscard]] registry::FetcherPlan plan(const std::string& host, const std::string& repository) const {
        registry::RegistrySettings settings;
        settings.config_dir = directory_.file("config");
        const auto environment = [this](const char* name) {
            const auto found = variables_.find(name);
            return found == variables_.end() ? std::string{} : found->second;
        };
        registry::FetcherPlan result = registry::plan_fetcher(settings, host, repository, environment);
        result.limits.first_delay = std::chrono::milliseconds{1};
        return result;
    }
    [[nodiscard]] TransferStory head(const std::string& host, const std::string& repository) const {
        FetcherRun run{plan(host, repository)};
        return story_of(run->head_manifest("1"));
    }
    void copy(const std::string& from, const std::string& to) const { directory_.write(to, read_file(from)); }

    TempDir directory_;
    std::map<std::string, std::string> variables_;
    std::optional<TestCertificates> certificates_;
};

TEST_F(Protected, TlsTrustsWhomItIsToldToTrust) {
    const CertificateFiles files = certificates().server();
    RegistryOptions options;
    options.certificate = files.certificate;
    options.key = files.key;
    const RegistryServer server{directory_.file("registry"), options};
    const std::string digest = server.push_files("team/app", "1", {"one"});
    const TransferStory stranger = head(server.host(), "team/app");
    EXPECT_THAT(stranger.failure(), AllOf(HasSubstr("don't trust each other's certificates"),
                                          HasSubstr("/etc/containers/certs.d/" + server.host())));
    EXPECT_THAT(stranger.retries, IsEmpty());

    variables_["SSL_CERT_FILE"] = certificates().authority();
    EXPECT_EQ(head(server.host(), "team/app").document.digest, digest);
    EXPECT_GT(server.requests("HTTP/2.0"), 0u) << server.log();
    variables_.erase("SSL_CERT_FILE");
    copy(certificates().authority(), "config/certs.d/" + server.host() + "/ca.crt");
    EXPECT_EQ(head(server.host(), "team/app").document.digest, digest);

    registry::FetcherPlan unchecked = plan("localhost.invalid", "team/app");
    unchecked.endpoints.back().origins = {"https://" + server.host()};
    EXPECT_THAT(story_of(FetcherRun { unchecked } -> head_manifest("1")).failure(), HasSubstr("don't trust"));
    unchecked.endpoints.back().tls.verify = false;
    EXPECT_EQ(story_of(FetcherRun { unchecked } -> head_manifest("1")).document.digest, digest);
}

TEST_F(Protected, AClientCertificateOpensTheDoor) {
    const CertificateFiles files = certificates().server();
    RegistryOptions options;
    options.certificate = files.certificate;
    options.key = files.key;
    options.client_authority = certificates().authority();
    const RegistryServer server{directory_.file("registry"), options};
    const std::string folder = "home/.docker/certs.d/" + server.host();
    copy(certificates().authority(), folder + "/ca.crt");
    EXPECT_THAT(head(server.host(), "team/app").failure(), AllOf(HasSubstr(".cert"), HasSubstr(".key")));
    const CertificateFiles client = certificates().client("me");
    copy(client.certificate, folder + "/me.cert");
    copy(client.key, folder + "/me.key");
    EXPECT_THAT(head(server.host(), "team/app").failure(), HasSubstr("does not exist"));
}

TEST_F(Protected, PasswordsAreFoundSentAndBlamed) {
    RegistryOptions options;
    options.user = "user";
    options.password = "pass:word";
    const RegistryServer server{directory_.file("registry"), options};
    const std::string digest = server.push_files("team/app", "1", {"one"});
    EXPECT_THAT(head(server.host(), "team/app").failure(),
                AllOf(HasSubstr("wants a login"), HasSubstr("stack login " + server.host())));
    const auto keep = [&](const std::string& password) {
        return directory_.write(
            "home/.docker/config.json",
            fmt::format(R"({{"auths": {{"{}": {{"username": "user", "password": "{}"}}}}}})", server.host(),
                        password));
    };
    const std::string file = keep("wrong");
    const TransferStory refused = head(server.host(), "team/app");
    EXPECT_THAT(refused.failure(), HasSubstr("refuses the credentials from " + file));
    EXPECT_EQ(refused.error->kind(), ErrorKind::permission);
    keep("pass:word");
    EXPECT_EQ(head(server.host(), "team/app").document.digest, digest);
}

class Tokens : public Protected {
  protected:
    Tokens() {
        const std::string key = directory_.file("tls/token.key"),
                          certificate = directory_.file("tls/token.crt");
        SpawnOptions openssl;
        openssl.argv = {
            "/usr/bin/openssl", "req", "-x509", "-newkey",   "rsa:2048", "-nodes",    "-days", "2",
            "-keyout",          key,   "-out",  certificate, "-subj",    "/CN=tokens"};
        EXPECT_EQ(run_command(openssl).exit_code, 0);
        tokens_.emplace("token_server.py",
                        std::vector<std::string>{key, certificate, "user", "secret", log_});
        RegistryOptions options;
        options.token_realm = "http://" + tokens_->host() + "/token";
        options.token_issuer = "test-issuer";
        options.token_certificate = certificate;
        server_.emplace(directory_.file("registry"), options);
    }
    [[nodiscard]] registry::FetcherPlan plan_as(const Credentials& who, const std::string& repository) const {
        registry::FetcherPlan result = plan(server_->host(), repository);
        result.endpoints.back().credentials = who;
        return result;
    }
    void push(const std::string& repository, const std::string& content) const {
        const ScratchFile file{content};
        FetcherRun run{plan_as(account_, repository)};
        const std::string digest = sha256_digest(content);
        const TransferStory story = story_of(run->put_blob({digest, content.size(), {}}, file.fd()));
        ASSERT_EQ(story.document.outcome, FetchOutcome::uploaded) << story.failure();
    }
    [[nodiscard]] std::size_t token_requests() const {
        return split(read_file_if_exists(log_).value_or(""), '\n').size() - 1;
    }

    std::string log_ = directory_.file("token-log");
    Credentials account_{"user", "secret", {}, "a test"};
    std::optional<ScriptServer> tokens_;
    std::optional<RegistryServer> server_;
};

TEST_F(Tokens, AreFetchedOnceForManyRequests) {
    const std::string content = "a blob that is pushed";
    push("team/app", content);
    EXPECT_EQ(token_requests(), 1u) << read_file(log_) << server_->log();
    FetcherRun run{plan_as(account_, "team/app")};
    const registry::BlobRequest blob{sha256_digest(content), content.size(), 0, {}};
    const ScratchFile one, two, three;
    registry::Transfer first = run->get_blob(blob, one.fd()), second = run->get_blob(blob, two.fd());
    static_cast<void>(run->get_blob(blob, three.fd()).finish());
    static_cast<void>(first.finish());
    static_cast<void>(second.finish());
    EXPECT_EQ(one.content() + two.content() + three.content(), content + content + content);
    EXPECT_EQ(token_requests(), 2u) << "three workers were refused together, one asked";
}

TEST_F(Tokens, AnybodyMayReadWhatIsPublic) {
    push("public/app", "public");
    push("team/app", "private");
    const auto get = [&](const std::string& repository, const std::string& content) {
        const ScratchFile file;
        FetcherRun run{plan_as({}, repository)};
        return story_of(run->get_blob({sha256_digest(content), content.size(), 0, {}}, file.fd())).failure();
    };
    EXPECT_EQ(get("public/app", "public"), "");
    EXPECT_THAT(get("team/app", "private"),
                AllOf(HasSubstr("you may not read it"), HasSubstr("stack login")));
}

TEST_F(Tokens, ABlobIsMountedFromARepositoryThatWeMayRead) {
    const std::string content = "shared";
    push("team/base", content);
    const ScratchFile file{content};
    FetcherRun run{plan_as(account_, "team/app")};
    const registry::BlobUpload upload{sha256_digest(content), content.size(), "team/base"};
    EXPECT_EQ(run->put_blob(upload, file.fd()).finish().outcome, FetchOutcome::mounted);
}

TEST_F(Tokens, WrongPasswordsAndIdentityTokens) {
    EXPECT_THAT(story_of(FetcherRun {
                    plan_as({"user", "wrong", {}, "a file"}, "team/app")
                } -> ping())
                    .failure(),
                HasSubstr("refuses the credentials from a file"));
    EXPECT_EQ(story_of(FetcherRun {
                  plan_as({{}, {}, "refresh-of-user", "a file"}, "team/app")
              } -> ping())
                  .failure(),
              "");
    EXPECT_THAT(story_of(FetcherRun {
                    plan_as({{}, {}, "stale", "a file"}, "team/app")
                } -> ping())
                    .failure(),
                HasSubstr("refuses the credentials from a file"));
}

// --- the verbs ---

class Login : public Protected {
  protected:
    Login() {
        RegistryOptions options;
        options.user = "user";
        options.password = "secret";
        server_.emplace(directory_.file("registry"), options);
    }
    struct Answer {
        int exit_code = 0;
        std::string out;
    };
    Answer worker(std::vector<std::string> words, const std::string& input = {}) const {
        Pipe in = make_pipe();
        write_all(in.write.get(), input, "a pipe");
        in.write.reset();
        SpawnOptions options;
        options.argv = {test::program_path("stack-image"), words.front(), "--root", directory_.file("root")};
        options.argv.insert(options.argv.end(), words.begin() + 1, words.end());
        options.fds = {in.read.get()};
        options.env =
            std::vector<std::string>{"HOME=" + directory_.file("home"), "PATH=" + directory_.file("bin")};
        const CommandResult result = run_command(options, 30'000);
        return {result.exit_code, result.out + result.err};
    }
    Answer login(const std::string& password) const {
        return worker({"login", "--timeout", "5", "--user", "user", "--", server_->host()}, password + "\n");
    }
    [[nodiscard]] std::string config_file() const { return directory_.file("home/.docker/config.json"); }

    std::optional<RegistryServer> server_;
};

TEST_F(Login, KeepsWhatTheRegistryTakes) {
    directory_.write(
        "home/.docker/config.json",
        "{\n\t\"zebra\": [1, 2.50],\n\t\"auths\": {\n\t\t\"other.example\": {\"auth\": \"YTpi\"}\n\t},\n"
        "\t\"HttpHeaders\": {\"X\": \"y\"}\n}\n");
    const Answer wrong = login("wrong");
    EXPECT_EQ(wrong.exit_code, exit_code(ErrorKind::permission));
    EXPECT_THAT(wrong.out, HasSubstr("refuses user 'user' with this password"));
    EXPECT_THAT(read_file(config_file()), testing::Not(HasSubstr(server_->host()))) << "nothing was kept";

    const Answer right = login("secret");
    EXPECT_EQ(right.exit_code, 0) << right.out;
    EXPECT_THAT(right.out, HasSubstr("kept unencrypted in " + config_file()));
    const nlohmann::ordered_json kept = nlohmann::ordered_json::parse(read_file(config_file()));
    std::vector<std::string> keys;
    for (const auto& [key, value] : kept.items()) keys.push_back(key);
    EXPECT_THAT(keys, ElementsAre("zebra", "auths", "HttpHeaders"));
    EXPECT_EQ(kept["auths"][server_->host()]["auth"], "dXNlcjpzZWNyZXQ=");
    EXPECT_EQ(kept["auths"]["other.example"]["auth"], "YTpi");
    struct stat info {};
    ASSERT_EQ(::stat(config_file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0600u);
    EXPECT_THAT(head(server_->host(), "team/app").failure(), HasSubstr("does not exist"))
        << "used from now on";

    EXPECT_EQ(worker({"logout", "--", server_->host()}).exit_code, 0);
    EXPECT_THAT(head(server_->host(), "team/app").failure(), HasSubstr("wants a login"));
    const Answer again = worker({"logout", "--", server_->host()});
    EXPECT_EQ(again.exit_code, exit_code(ErrorKind::not_found));
    EXPECT_THAT(again.out, HasSubstr("there are no credentials for registry " + server_->host()));
}

TEST_F(Login, LeavesSecretsToTheHelperThatIsNamed) {
    directory_.write("home/.docker/config.json", R"({"credsStore": "test"})");
    directory_.write("bin/docker-credential-test",
                     "#!/bin/sh\ncase $1 in\n"
                     "store) /bin/cat > " +
                         directory_.file("ring") +
                         " ;;\n"
                         "get) [ -f " +
                         directory_.file("ring") + " ] && exec /bin/cat " + directory_.file("ring") +
                         "; echo credentials not found in native keychain; exit 1 ;;\n"
                         "erase) /bin/rm " +
                         directory_.file("ring") + " ;;\nesac\n",
                     0755);
    const Answer answer = login("secret");
    EXPECT_EQ(answer.exit_code, 0) << answer.out;
    EXPECT_THAT(answer.out, testing::Not(HasSubstr("unencrypted")));
    EXPECT_THAT(read_file(directory_.file("ring")), HasSubstr(R"("Secret":"secret")"));
    EXPECT_THAT(read_file(config_file()), testing::Not(HasSubstr("secret")));
    EXPECT_EQ(worker({"logout", "--", server_->host()}).exit_code, 0);
    EXPECT_FALSE(path_exists(directory_.file("ring")));
}

TEST_F(Login, RefusesWhatIsNoRegistryAndNoSecret) {
    EXPECT_THAT(worker({"login", "--user", "u", "--", "registry.example/team"}, "x").out,
                HasSubstr("'registry.example/team' is not a registry"));
    EXPECT_THAT(worker({"login", "--user", "u", "--", server_->host()}, "\n").out,
                HasSubstr("there is no secret on standard input"));
    EXPECT_THAT(worker({"login", "--user", "a:b", "--", server_->host()}, "x").out,
                HasSubstr("has no colon"));
    EXPECT_THAT(worker({"login", "--", server_->host()}, "x").out, HasSubstr("--user is missing"));
}

}  // namespace
}  // namespace stack::test
