// The fetcher against Debian's docker-registry: what every image operation is made of.
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/manifest.hpp"
#include "runtime/image/registry/fetcher_process.hpp"
#include "tests/kernel/registry_lab.hpp"
#include "tests/support/private_namespaces.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/temp_root.hpp"

#include <sys/socket.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::test {
namespace {

using registry::FetchedDocument;
using registry::FetchOutcome;
using testing::HasSubstr;
using testing::IsEmpty;

class PlainRegistry : public testing::Test {
  protected:
    [[nodiscard]] FetcherRun fetcher(const std::string& repository) const {
        return FetcherRun{quick_plan(server_.host(), repository)};
    }
    [[nodiscard]] static Manifest manifest_of(const std::string& text) {
        return std::get<Manifest>(parse_manifest_or_index(text));
    }

    TempDir directory_;
    RegistryServer server_{directory_.file("registry")};
};

TEST_F(PlainRegistry, TellsWhatATagStandsForByOneRequest) {
    const std::string digest = server_.push_files("team/app", "1", {"one"});
    const std::size_t before = server_.requests("");
    FetcherRun run = fetcher("team/app");
    const FetchedDocument document = run->head_manifest("1").finish();
    EXPECT_EQ(document.digest, digest);
    EXPECT_EQ(document.media_type, kOciManifestType);
    EXPECT_GT(document.size, 100u);
    EXPECT_EQ(server_.requests(""), before + 1) << server_.log();
}

TEST_F(PlainRegistry, FetchesManifestsAndBlobsAndResumes) {
    const std::string digest = server_.push_files("team/app", "1", {"one", "two"});
    FetcherRun run = fetcher("team/app");
    const ScratchFile manifest_file;
    const FetchedDocument document = run->get_manifest("1", manifest_file.fd()).finish();
    EXPECT_EQ(sha256_digest(manifest_file.content()), digest);
    EXPECT_EQ(document.digest, digest);
    EXPECT_EQ(document.size, manifest_file.content().size());
    const ScratchFile by_digest;
    static_cast<void>(run->get_manifest(digest, by_digest.fd()).finish());
    EXPECT_EQ(by_digest.content(), manifest_file.content());

    const Descriptor layer = manifest_of(manifest_file.content()).layers.back();
    const ScratchFile whole;
    const TransferStory story = story_of(run->get_blob({layer.digest, layer.size, 0, {}}, whole.fd()));
    EXPECT_EQ(sha256_digest(whole.content()), layer.digest) << story.failure();
    EXPECT_EQ(story.document, (FetchedDocument{layer.digest, "", layer.size, FetchOutcome::fetched}));
    const ScratchFile rest{whole.content().substr(0, 20)};
    static_cast<void>(run->get_blob({layer.digest, layer.size, 20, {}}, rest.fd()).finish());
    EXPECT_EQ(rest.content(), whole.content());
    EXPECT_EQ(server_.requests(" 206 "), 1u) << server_.log();
    const std::size_t before = server_.requests("");
    static_cast<void>(run->get_blob({layer.digest, layer.size, layer.size, {}}, rest.fd()).finish());
    EXPECT_EQ(server_.requests(""), before) << "a blob that is here needs no request";
}

TEST_F(PlainRegistry, SaysWhatDoesNotExist) {
    static_cast<void>(server_.push_files("team/app", "1", {"one"}));
    FetcherRun run = fetcher("team/app");
    const TransferStory story = story_of(run->head_manifest("2"));
    ASSERT_TRUE(story.error);
    EXPECT_EQ(story.error->kind(), ErrorKind::not_found);
    EXPECT_THAT(story.failure(),
                HasSubstr("image 'team/app:2' does not exist in registry " + server_.host()));
    EXPECT_THAT(story.retries, IsEmpty());
    const ScratchFile file;
    const std::string digest = sha256_digest("nowhere");
    EXPECT_THAT(story_of(run->get_blob({digest, 7, 0, {}}, file.fd())).failure(),
                HasSubstr("blob " + digest + " does not exist"));
}

TEST_F(PlainRegistry, PushesWhatIsMissingAndMountsWhatIsElsewhere) {
    const std::string content(200'000, 'x');
    const std::string digest = sha256_digest(content);
    const ScratchFile file{content};
    FetcherRun run = fetcher("team/app");
    const registry::BlobUpload upload{digest, content.size(), {}};
    EXPECT_EQ(run->put_blob(upload, file.fd()).finish().outcome, FetchOutcome::uploaded);
    EXPECT_EQ(run->put_blob(upload, file.fd()).finish().outcome, FetchOutcome::present);
    FetcherRun other = fetcher("team/other");
    EXPECT_EQ(other->put_blob({digest, content.size(), "team/app"}, file.fd()).finish().outcome,
              FetchOutcome::mounted);
    EXPECT_EQ(other->put_blob({sha256_digest(""), 0, "team/app"}, file.fd()).finish().outcome,
              FetchOutcome::uploaded)
        << server_.log();

    Manifest manifest;
    manifest.media_type = kOciManifestType;
    manifest.config = {std::string{kOciConfigType}, digest, content.size(), {}, {}};
    const ScratchFile manifest_file{manifest_json(manifest)};
    const FetchedDocument pushed =
        run->put_manifest("7", std::string{kOciManifestType}, manifest_file.fd()).finish();
    EXPECT_EQ(pushed.digest, sha256_digest(manifest_file.content()));
    EXPECT_EQ(run->head_manifest("7").finish().digest, pushed.digest);
}

TEST_F(PlainRegistry, KeepsGoingWhenARequestIsCancelled) {
    static_cast<void>(server_.push_files("team/app", "1", {"one"}));
    FetcherRun run = fetcher("team/app");
    for (int i = 0; i < 20; ++i) static_cast<void>(run->head_manifest("1"));
    EXPECT_NE(run->head_manifest("1").finish().digest, "");
}

TEST_F(PlainRegistry, WhoMayBeTakenOverCantAskForMoreThanTheProtocolHas) {
    SocketPair pair = make_socket_pair(SOCK_SEQPACKET);
    const ProcessHandle fetcher =
        registry::start_fetcher(quick_plan(server_.host(), "team/app"), pair.b.get());
    pair.b.reset();
    const auto failure_of = [&](std::string_view datagram, bool with_file) {
        Pipe notes = make_pipe();
        const ScratchFile file;
        std::vector<int> fds{notes.write.get()};
        if (with_file) fds.insert(fds.begin(), file.fd());
        send_with_fds(pair.a.get(), std::as_bytes(std::span{datagram}), fds);
        notes.write.reset();
        return story_of(registry::Transfer{std::move(notes.read)}).failure();
    };
    EXPECT_THAT(failure_of("not JSON", false), HasSubstr("a fetch request is not valid JSON"));
    EXPECT_THAT(failure_of(R"({"op":"exec"})", true), HasSubstr("'exec' is no fetch operation"));
    EXPECT_THAT(failure_of(R"({"op":"get_manifest","reference":"../../_catalog"})", true),
                HasSubstr("neither a tag nor a digest"));
    EXPECT_THAT(failure_of(R"({"op":"get_manifest","reference":"1"})", false),
                HasSubstr("the wrong descriptors"));
    send_with_fds(pair.a.get(), std::as_bytes(std::span{std::string_view{"nobody to answer"}}), {});
    EXPECT_EQ(failure_of(R"({"op":"ping"})", false), "") << "and it goes on";
    EXPECT_EQ(server_.requests(""), 1u) << server_.log();
    pair.a.reset();
    EXPECT_EQ(exit_code_of_status(wait_for_exit(fetcher)), 0);
}

TEST_F(PlainRegistry, IsAMirrorThatIsAskedFirstAndMayFail) {
    const std::string digest = server_.push_files("library/app", "1", {"one"});
    registry::EndpointRules rules;
    rules.mirrors["127.0.0.1:9"] = {"http://127.0.0.1:1", "http://" + server_.host()};
    FetcherRun run{quick_plan("127.0.0.1:9", "library/app", rules)};
    const TransferStory story = story_of(run->head_manifest("1"));
    EXPECT_EQ(story.document.digest, digest) << story.failure();
    EXPECT_THAT(story.retries, testing::Contains(HasSubstr("mirror 127.0.0.1:1: ")));
}

TEST_F(PlainRegistry, NobodyCanStillResolveNames) {
    const std::string digest = server_.push_files("team/app", "1", {"one"});
    FetcherRun run{quick_plan(fmt::format("localhost:{}", server_.port()), "team/app")};
    const TransferStory story = story_of(run->head_manifest("1"));
    EXPECT_EQ(story.document.digest, digest) << story.failure();
}

TEST_F(PlainRegistry, FetcherIsNobody) {
    STACK_REQUIRE_ROOT();
    FetcherRun run = fetcher("team/app");
    static_cast<void>(run->ping().finish());
    const std::string status = read_file(fmt::format("/proc/{}/status", run.process().pid()));
    const auto field = [&](const std::string& name) {
        const std::size_t at = status.find("\n" + name + ":") + name.size() + 2;
        return std::string{trim(status.substr(at, status.find('\n', at) - at))};
    };
    EXPECT_EQ(field("Uid"), "65534\t65534\t65534\t65534");
    EXPECT_EQ(field("Gid"), "65534\t65534\t65534\t65534");
    EXPECT_EQ(field("Groups"), "");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
        EXPECT_EQ(field(set).find_first_not_of('0'), std::string::npos) << set << field(set);
    EXPECT_EQ(field("NoNewPrivs"), "1");
    EXPECT_EQ(field("Seccomp"), "2");
}

}  // namespace
}  // namespace stack::test
