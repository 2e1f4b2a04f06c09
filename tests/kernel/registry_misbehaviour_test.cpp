// Registries that cut, lie, stall and flood: every transfer ends, with the right bytes or with an error that says why.
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/base/text.hpp"
#include "tests/kernel/registry_lab.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/script_server.hpp"
#include "tests/support/temp_root.hpp"
#include "tests/support/test_certificates.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using namespace std::chrono_literals;
using registry::FetchOutcome;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string blob_of_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 1;
    for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
}

class Misbehaviour : public testing::Test {
  protected:
    struct Request {
        std::string method, path;
        std::map<std::string, std::string> headers;
    };
    [[nodiscard]] std::vector<Request> requests() const {
        std::vector<Request> result;
        for (const std::string& line : split(read_file_if_exists(log_).value_or(""), '\n')) {
            if (line.empty()) continue;
            const auto object = nlohmann::json::parse(line);
            result.push_back({object["method"], object["path"], object["headers"]});
        }
        return result;
    }
    [[nodiscard]] registry::FetcherPlan plan(const std::string& behaviour) const {
        return quick_plan(server_.host(), behaviour + "/app");
    }
    TransferStory get_blob(const registry::FetcherPlan& how, const std::string& start = {}) {
        file_.emplace(start);
        FetcherRun run{how};
        return story_of(run->get_blob({digest_, blob_.size(), start.size(), {}}, file_->fd()));
    }
    TransferStory get_blob(const std::string& behaviour) { return get_blob(plan(behaviour)); }
    TransferStory get_manifest(const registry::FetcherPlan& how) {
        file_.emplace();
        FetcherRun run{how};
        return story_of(run->get_manifest("1", file_->fd()));
    }
    TransferStory get_manifest(const std::string& behaviour) { return get_manifest(plan(behaviour)); }

    /// Not compared by EXPECT_EQ, which would print half a megabyte of noise.
    [[nodiscard]] bool has_first(std::size_t bytes) const {
        return file_->content() == blob_.substr(0, bytes);
    }

    TempDir directory_;
    std::string log_ = directory_.file("log");
    std::string blob_ = blob_of_bytes(500'000);
    std::string digest_ = sha256_digest(blob_);
    std::string blob_file_ = directory_.write("blob", blob_);
    ScriptServer server_{"misbehaving_registry.py", {log_, blob_file_}};
    std::optional<ScratchFile> file_;
};

TEST_F(Misbehaviour, ABlobThatIsCutAgainAndAgainGoesOnWhereItWas) {
    const TransferStory story = get_blob("cut");
    EXPECT_EQ(story.failure(), "");
    EXPECT_TRUE(has_first(blob_.size()));
    EXPECT_GT(story.retries.size(), 10u);
    EXPECT_TRUE(std::is_sorted(story.progress.begin(), story.progress.end()));
    std::size_t resumed = 0;
    for (const Request& request : requests()) resumed += request.headers.count("Range");
    EXPECT_EQ(resumed, story.retries.size());
}

TEST_F(Misbehaviour, ABlobThatNeverGetsFartherIsGivenUp) {
    const TransferStory story = get_blob("truncated");
    EXPECT_THAT(story.failure(), HasSubstr("registry " + server_.host() + " cut the connection"));
    EXPECT_TRUE(has_first(50'000)) << "what came is kept for the next time";
    EXPECT_THAT(story.retries, SizeIs(4));
}

TEST_F(Misbehaviour, ASizeThatIsNotTheManifestsIsRefusedBeforeAByteIsTaken) {
    EXPECT_THAT(get_blob("ten-gigabytes").failure(),
                AllOf(HasSubstr("offers 10737418240 bytes"), HasSubstr(digest_)));
    EXPECT_EQ(file_->content(), "");
    const TransferStory shorter = get_blob("shorter");
    EXPECT_THAT(shorter.failure(), HasSubstr("offers 1000 bytes for blob"));
    EXPECT_THAT(shorter.retries, IsEmpty());
}

TEST_F(Misbehaviour, NeverMoreBytesThanTheManifestSays) {
    EXPECT_THAT(get_blob("endless").failure(), HasSubstr("sends more bytes for blob"));
    EXPECT_LE(file_->content().size(), blob_.size());
}

TEST_F(Misbehaviour, AServerThatIgnoresRangesIsHeardOut) {
    const TransferStory story = get_blob("range-ignored");
    EXPECT_EQ(story.failure(), "");
    EXPECT_TRUE(has_first(blob_.size()));
    EXPECT_TRUE(std::is_sorted(story.progress.begin(), story.progress.end())) << "the file never shrinks";
}

TEST_F(Misbehaviour, AWrongRangeIsRefused) {
    EXPECT_THAT(get_blob("range-lied").failure(), HasSubstr("offers the range 'bytes 200000-"));
    EXPECT_TRUE(has_first(100'000));
}

TEST_F(Misbehaviour, SilenceEnds) {
    registry::FetcherPlan slow = plan("slow-loris");
    slow.limits.silence = 1s;
    slow.limits.tries = 1;
    EXPECT_THAT(get_blob(slow).failure(), HasSubstr("does not answer: nothing came for 1 s"));
    registry::FetcherPlan silent = plan("silent");
    silent.limits.silence = 1s;
    silent.limits.tries = 1;
    EXPECT_THAT(get_manifest(silent).failure(), HasSubstr("does not answer: nothing came for 1 s"));
}

TEST_F(Misbehaviour, ThreeBlobsMoveAtOnceAndACancelledOneMakesRoom) {
    registry::FetcherPlan how = plan("silent");
    how.endpoints.back().origins.resize(1);
    how.limits.silence = 60s;  // nobody tries again while requests are counted
    FetcherRun run{how};
    file_.emplace();
    std::vector<registry::Transfer> transfers;
    for (int i = 0; i < 5; ++i)
        transfers.push_back(run->get_blob({digest_, blob_.size(), 0, {}}, file_->fd()));
    EXPECT_TRUE(eventually([&] { return requests().size() == 3; }));
    // A worker of its own for manifests: it answers while three blobs hang.
    EXPECT_THAT(story_of(run->ping()).failure(), HasSubstr("is not a registry"));
    transfers.erase(transfers.begin());
    EXPECT_TRUE(eventually([&] { return requests().size() == 5; }))
        << "three blobs, the ping, the fourth blob";
}

TEST_F(Misbehaviour, ABusyRegistryIsAskedAgain) {
    for (const char* behaviour : {"busy", "broken-twice"}) {
        const TransferStory story = get_manifest(behaviour);
        EXPECT_EQ(story.failure(), "") << behaviour;
        EXPECT_THAT(story.retries, SizeIs(2)) << behaviour;
        EXPECT_THAT(file_->content(), HasSubstr("schemaVersion"));
    }
}

TEST_F(Misbehaviour, RateLimitsNameTheWayOut) {
    const TransferStory story = get_manifest("always-busy");
    EXPECT_THAT(story.failure(), AllOf(HasSubstr("wants fewer requests"), HasSubstr("pull rate limit"),
                                       HasSubstr("stack login " + server_.host())));
    EXPECT_THAT(story.retries, SizeIs(4));
    EXPECT_THAT(get_manifest("busy-for-an-hour").retries, IsEmpty()) << "too long to wait for";
}

TEST_F(Misbehaviour, ADigestInAHeaderIsAClaim) {
    EXPECT_EQ(get_manifest("lying-digest").document.digest, "sha256:" + std::string(64, '0'));
    const TransferStory garbage = get_manifest("garbage-digest");
    EXPECT_EQ(garbage.failure(), "");
    EXPECT_EQ(garbage.document.digest, "");
}

TEST_F(Misbehaviour, DocumentsAndHeadersAreBounded) {
    const TransferStory manifest = get_manifest("huge-manifest");
    EXPECT_THAT(manifest.failure(), HasSubstr("the answer is larger than 4194304 bytes"));
    EXPECT_EQ(file_->content(), "");
    const TransferStory headers = get_manifest("huge-headers");
    EXPECT_THAT(headers.failure(), HasSubstr("the headers of the answer are larger than 256 KiB"));
    EXPECT_THAT(manifest.retries, IsEmpty());
    EXPECT_THAT(headers.retries, IsEmpty());
}

TEST_F(Misbehaviour, WhoSpeaksNoHttpIsNoRegistry) {
    EXPECT_THAT(get_manifest("no-http").failure(), HasSubstr("does not speak"));
}

TEST_F(Misbehaviour, CredentialsStayWithTheirRegistry) {
    const std::string other_log = directory_.file("other-log");
    const ScriptServer other{"misbehaving_registry.py", {other_log, blob_file_}};
    registry::FetcherPlan how = quick_plan(server_.host(), fmt::format("elsewhere/{}", other.port()));
    how.endpoints.back().credentials = {"user", "secret", {}, "a test"};
    EXPECT_EQ(get_blob(how).failure(), "");
    EXPECT_TRUE(has_first(blob_.size()));
    EXPECT_TRUE(requests().back().headers.contains("Authorization"));
    const std::string told = read_file(other_log);
    EXPECT_THAT(told, HasSubstr("/v2/public/blob"));
    EXPECT_THAT(told, Not(HasSubstr("Authorization")));
}

TEST_F(Misbehaviour, RedirectsEndAndStayOnTheWeb) {
    EXPECT_THAT(get_blob("in-circles").failure(), HasSubstr("redirects in circles"));
    EXPECT_THAT(get_blob("to-a-file").failure(), HasSubstr("which is not http or https"));
}

TEST_F(Misbehaviour, AMirrorThatFailsIsLeftAndWhatItGaveIsKept) {
    for (const char* mirror : {"truncated", "ten-gigabytes", "to-a-file", "always-busy", "nowhere"}) {
        registry::EndpointRules rules;
        rules.mirrors[server_.host()] = {fmt::format("http://{}/{}", server_.host(), mirror)};
        const TransferStory story = get_blob(quick_plan(server_.host(), "public/app", rules));
        EXPECT_EQ(story.failure(), "") << mirror;
        EXPECT_TRUE(has_first(blob_.size())) << mirror;
        EXPECT_THAT(story.retries, testing::Contains(HasSubstr("mirror " + server_.host()))) << mirror;
        EXPECT_TRUE(std::is_sorted(story.progress.begin(), story.progress.end())) << mirror;
    }
}

TEST_F(Misbehaviour, TokenServersAreBoundedAndMustAnswerSense) {
    EXPECT_THAT(get_manifest("endless-token").failure(), HasSubstr("the answer is larger than 262144 bytes"));
    EXPECT_THAT(get_manifest("html-token").failure(), HasSubstr("token server's answer is not valid JSON"));
    EXPECT_THAT(get_manifest("file-realm").failure(), HasSubstr("which is not http or https"));
    EXPECT_THAT(get_manifest("odd-challenge").failure(), HasSubstr("in no way that is known here"));
}

TEST_F(Misbehaviour, APasswordIsNotSentWhereverTheRegistryPoints) {
    registry::FetcherPlan how = plan("stranger-realm");
    how.endpoints.back().credentials = {"user", "secret", {}, "a test"};
    const TransferStory story = get_manifest(how);
    EXPECT_THAT(story.failure(), AllOf(HasSubstr("names a token server without encryption: 192.0.2.1"),
                                       HasSubstr("nothing was sent there")));
    EXPECT_THAT(story.retries, IsEmpty());
}

TEST_F(Misbehaviour, TheChallengeIsAnsweredOnce) {
    // The token that it gives is not good enough for itself.
    EXPECT_THAT(get_manifest("useless-token").failure(), HasSubstr("you may not read it"));
    std::vector<std::string> paths;
    for (const Request& request : requests()) paths.push_back(request.path.substr(0, request.path.find('?')));
    EXPECT_THAT(paths, testing::ElementsAre("/v2/useless-token/app/manifests/1", "/v2/token/token",
                                            "/v2/useless-token/app/manifests/1"));
}

TEST_F(Misbehaviour, ProxiesAreUsedButForThisMachine) {
    registry::EndpointRules rules{{}, {"registry.invalid:5000"}};
    registry::FetcherPlan how = quick_plan("registry.invalid:5000", "team/app", rules);
    how.proxies.http = how.proxies.https = "http://" + server_.host();
    EXPECT_THAT(get_manifest(how).failure(), HasSubstr("image 'team/app:1' does not exist"))
        << "the proxy says 404";
    EXPECT_EQ(requests().back().path, "http://registry.invalid:5000/v2/team/app/manifests/1");
    how.endpoints.back().origins = {"https://registry.invalid:5000"};
    EXPECT_THAT(get_manifest(how).failure(), HasSubstr("can't be reached: CONNECT tunnel failed"));
    how.proxies.no_proxy = "registry.invalid";
    EXPECT_THAT(get_manifest(how).failure(), HasSubstr("can't be reached: Could not resolve host"));

    registry::FetcherPlan local = plan("public");
    local.proxies.http = "http://127.0.0.1:1";
    EXPECT_EQ(get_blob(local).failure(), "");
}

TEST_F(Misbehaviour, TlsIsNotLeft) {
    std::filesystem::create_directory(directory_.file("tls"));
    const TestCertificates certificates{directory_.file("tls")};
    const CertificateFiles files = certificates.server();
    const ScriptServer secure{"misbehaving_registry.py", {log_, blob_file_, files.certificate, files.key}};
    const auto secure_plan = [&](const std::string& behaviour) {
        registry::FetcherPlan how = quick_plan(secure.host(), behaviour + "/app");
        how.endpoints.back().origins = {"https://" + secure.host()};
        how.endpoints.back().tls.authorities = read_file(certificates.authority());
        return how;
    };
    EXPECT_THAT(get_blob(secure_plan("to-plain-http")).failure(),
                HasSubstr("redirects from https to plain http"));
    EXPECT_EQ(get_blob(secure_plan("public")).failure(), "");
    registry::FetcherPlan how = secure_plan("stranger-realm");
    how.endpoints.back().credentials = {"user", "secret", {}, "a test"};
    EXPECT_THAT(get_manifest(how).failure(), HasSubstr("names a token server without encryption"));
}

TEST_F(Misbehaviour, AnUploadThatIsCutGoesOnWhereTheRegistrySays) {
    const ScratchFile file{blob_};
    FetcherRun run{plan("upload-cut")};
    const TransferStory story = story_of(run->put_blob({digest_, blob_.size(), {}}, file.fd()));
    EXPECT_EQ(story.failure(), "");
    EXPECT_EQ(story.document.outcome, FetchOutcome::uploaded);
    std::vector<std::string> ranges;
    for (const Request& request : requests())
        if (request.method == "PATCH") ranges.push_back(request.headers.at("Content-Range"));
    ASSERT_FALSE(ranges.empty());
    EXPECT_EQ(ranges.front(), "0-499999");  // sent once more by libcurl when the connection was a kept one
    EXPECT_EQ(ranges.back(), "100000-499999");
}

}  // namespace
}  // namespace stack::test
