// `stack-image pull` against Debian's docker-registry: what comes, how often it asks, and that neither cut connections
// nor killed processes leave anything but a store that the next pull completes.
#include "runtime/base/error.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/manifest.hpp"
#include "tests/kernel/image_worker.hpp"
#include "tests/support/cutting_proxy.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/test_image.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <ctime>
#include <memory>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

// Does not compress, so that sizes on the wire are sizes in the image.
std::string noise(std::size_t bytes, unsigned seed) {
    std::mt19937 random{seed};
    std::string text(bytes, '\0');
    for (char& byte : text) byte = static_cast<char>(random());
    return text;
}

class ImagePull : public ImageWorkerTest {
  protected:
    void SetUp() override {
        ImageWorkerTest::SetUp();
        if (!IsSkipped()) server_ = std::make_unique<RegistryServer>(directory_.file("registry"));
    }

    [[nodiscard]] std::string name(const std::string& image) const { return server_->host() + "/" + image; }

    /// A worker that runs beside the test.
    struct Running {
        ProcessHandle process;
        UniqueFd out;
        [[nodiscard]] std::pair<int, std::string> finish() const {
            const std::string text = read_all(out.get(), "the worker's events");
            return {exit_code_of_status(wait_for_exit(process)), text};
        }
    };
    [[nodiscard]] Running start(const std::string& image, const std::string& root = "root") const {
        Pipe out = make_pipe();
        SpawnOptions options;
        options.argv = {kWorkerProgram, "pull", "--root", directory_.file(root), image};
        options.fds = {-1, out.write.get(), -1};
        return {spawn(options), std::move(out.read)};
    }

    /// `expect_sound_store`, and no download is left.
    void expect_complete_store(const std::string& root = "root") const {
        expect_sound_store(root);
        EXPECT_THAT(list_directory(StorePaths{directory_.file(root)}.downloads), IsEmpty());
    }
    [[nodiscard]] std::string file_of(const Image& image, std::size_t layer) const {
        return read_file(image.layer_paths.at(image.layer_paths.size() - 1 - layer) + "/file-" +
                         std::to_string(layer));
    }

    /// Puts a manifest into the registry's own files, because it would refuse what is wrong with it; the digest.
    [[nodiscard]] std::string plant(const std::string& repository, const json& document) const {
        const std::string text = document.dump(), digest = sha256_digest(text), hex = digest.substr(7);
        const std::string base = "registry/data/docker/registry/v2/";
        directory_.write(fmt::format("{}blobs/sha256/{}/{}/data", base, hex.substr(0, 2), hex), text);
        directory_.write(
            fmt::format("{}repositories/{}/_manifests/revisions/sha256/{}/link", base, repository, hex),
            digest);
        return digest;
    }
    /// The manifest of an image of one small layer, which is in the registry as `repository:1`.
    [[nodiscard]] json small_manifest(const std::string& repository) const {
        const std::string digest = server_->push_files(repository, "1", {"small"});
        return json::parse(shell(fmt::format("curl -sSf -H 'Accept: {}' http://{}/v2/{}/manifests/{}",
                                             kOciManifestType, server_->host(), repository, digest)));
    }

    std::unique_ptr<RegistryServer> server_;
};

TEST_F(ImagePull, BringsLayersAndConfiguration) {
    const std::string digest = server_->push_files("team/app", "1", {"one", "two"});
    const Answer answer = work("pull " + name("team/app:1"));
    ASSERT_EQ(answer.error, "");
    EXPECT_EQ(answer.digest(), digest);
    EXPECT_EQ(answer.results.at(0)["changed"], true);
    EXPECT_GT(answer.results.at(0)["downloaded"], 100);
    const Image image = store().get(name("team/app:1"));
    EXPECT_EQ(image.digest, digest);
    EXPECT_EQ(image.source, digest);
    EXPECT_TRUE(image.pulled);
    EXPECT_EQ(file_of(image, 0), "one");
    EXPECT_EQ(file_of(image, 1), "two");
    expect_complete_store();
}

TEST_F(ImagePull, AsksOnceForAnUnchangedTag) {
    static_cast<void>(server_->push_files("team/app", "1", {"one"}));
    ASSERT_EQ(work("pull " + name("team/app:1")).error, "");
    const std::size_t before = server_->requests("");
    const Answer answer = work("pull " + name("team/app:1"));
    EXPECT_EQ(answer.results.at(0)["changed"], false);
    EXPECT_EQ(server_->requests(""), before + 1) << server_->log();
    EXPECT_EQ(server_->requests("HEAD /v2/team/app/manifests/1"), 2u);
    expect_complete_store();
}

TEST_F(ImagePull, AsksForNothingThatItHas) {
    static_cast<void>(server_->push_files("team/app", "1", {"one", "two"}));
    ASSERT_EQ(work("pull " + name("team/app:1")).error, "");
    const std::size_t before = server_->requests("");
    EXPECT_EQ(work("pull --policy missing " + name("team/app:1")).results.at(0)["changed"], false);
    const std::string digest = store().get(name("team/app:1")).digest;
    EXPECT_EQ(work("pull " + name("team/app@" + digest)).results.at(0)["changed"], false);
    EXPECT_EQ(server_->requests(""), before) << server_->log();

    const std::string next = server_->push_files("team/app", "2", {"one", "2"});
    const std::size_t blobs = server_->requests("GET /v2/team/app/blobs");
    EXPECT_EQ(work("pull " + name("team/app:2")).digest(), next);
    EXPECT_EQ(server_->requests("GET /v2/team/app/blobs"), blobs + 2) << "one layer and the configuration";
    expect_complete_store();
}

TEST_F(ImagePull, FollowsATagThatMoves) {
    static_cast<void>(server_->push_files("team/app", "1", {"one"}));
    ASSERT_EQ(work("pull " + name("team/app:1")).error, "");
    const std::string digest = server_->push_files("team/app", "1", {"another"});
    const Answer answer = work("pull " + name("team/app:1"));
    EXPECT_EQ(answer.results.at(0)["changed"], true);
    EXPECT_EQ(store().get(name("team/app:1")).digest, digest);
    EXPECT_EQ(file_of(store().get(name("team/app:1")), 0), "another");
    EXPECT_EQ(store().list().size(), 2u) << "the old one stays without a name";
    expect_complete_store();
}

TEST_F(ImagePull, ByDigestAndByTagWithDigest) {
    const std::string digest = server_->push_files("team/app", "1", {"one"});
    EXPECT_EQ(work("pull " + name("team/app:gone@" + digest)).digest(), digest);
    const Image image = store().get(name("team/app:gone@" + digest));
    EXPECT_EQ(image.reference, name("team/app@" + digest));
    const Answer absent = work("pull " + name("team/app@sha256:" + std::string(64, 'a')));
    EXPECT_THAT(absent.error, HasSubstr("does not exist"));
    expect_complete_store();
}

TEST_F(ImagePull, ChoosesThePlatformOfAnIndex) {
    const std::string layout = directory_.file("layout");
    TestImage wanted, other;
    wanted.layers = {tar_of_file("file-0", "for us")};
    wanted.architecture = host_platform().architecture;
    wanted.variant = host_platform().variant;
    other.layers = {tar_of_file("file-0", "for others")};
    other.architecture = "s390x";
    const std::string ours = write_image_layout(layout, "ours", wanted);
    const std::string theirs = write_image_layout(layout, "theirs", other);
    server_->push(layout, "ours", "team/multi");
    server_->push(layout, "theirs", "team/multi");
    const auto size = [&](const std::string& digest) {
        return read_file(layout + "/blobs/sha256/" + digest.substr(7)).size();
    };
    const json index = {
        {"schemaVersion", 2},
        {"mediaType", kOciIndexType},
        {"manifests",
         {{{"mediaType", kOciManifestType},
           {"digest", theirs},
           {"size", size(theirs)},
           {"platform", {{"os", "linux"}, {"architecture", "s390x"}}}},
          {{"mediaType", kOciManifestType},
           {"digest", ours},
           {"size", size(ours)},
           {"platform",
            {{"os", "linux"}, {"architecture", wanted.architecture}, {"variant", wanted.variant}}}}}}};
    directory_.write("index.json", index.dump());
    shell(
        fmt::format("curl -sSf -X PUT -H 'Content-Type: {}' --data-binary @index.json "
                    "http://{}/v2/team/multi/manifests/all",
                    kOciIndexType, server_->host()));
    EXPECT_EQ(work("pull " + name("team/multi:all")).digest(), ours);
    const std::string source = sha256_digest(index.dump());
    EXPECT_EQ(store().get(name("team/multi:all")).source, source);
    EXPECT_EQ(store().get(name("team/multi@" + source)).digest, ours) << "found by the index's digest, too";
    EXPECT_EQ(work("pull " + name("team/multi:all")).results.at(0)["changed"], false);

    const Answer foreign = work("pull --platform linux/s390x " + name("team/multi:all"));
    EXPECT_EQ(foreign.digest(), theirs);
    EXPECT_EQ(foreign.results.at(0)["changed"], true);
    const Answer none = work("pull --platform linux/riscv64 " + name("team/multi:all"));
    EXPECT_THAT(none.error, HasSubstr("not made for linux/riscv64"));
    EXPECT_THAT(none.error, HasSubstr("linux/s390x"));
    expect_complete_store();
}

TEST_F(ImagePull, TakesWhatSkopeoAndUmociMake) {
    shell(
        "mkdir -p fs/bin && echo '#!/bin/sh' > fs/bin/run && chmod 4755 fs/bin/run && ln -s bin fs/sbin && "
        "tar -C fs -cf layer.tar ."
        " && umoci init --layout made && umoci new --image made:1 && umoci raw add-layer --image made:1 "
        "layer.tar"
        " && umoci config --image made:1 --config.cmd /bin/run --config.user 5:7");
    shell(fmt::format(
        "skopeo --insecure-policy copy -q --dest-tls-verify=false oci:made:1 docker://{0}/made:gzip && "
        "skopeo --insecure-policy copy -q --dest-tls-verify=false --dest-compress-format zstd oci:made:1 "
        "docker://{0}/made:zstd && "
        "skopeo --insecure-policy copy -q --dest-tls-verify=false --format v2s2 oci:made:1 "
        "docker://{0}/made:docker",
        server_->host()));
    for (const std::string tag : {"gzip", "zstd", "docker"}) {
        ASSERT_EQ(work("pull " + name("made:" + tag), tag).error, "") << tag;
        const Image image = store(tag).get(name("made:" + tag));
        EXPECT_EQ(image.config.cmd, std::vector<std::string>{"/bin/run"});
        EXPECT_EQ(image.config.user, "5:7");
        const std::string& layer = image.layer_paths.at(0);
        EXPECT_EQ(shell("stat -c %a " + layer + "/bin/run; readlink " + layer + "/sbin"), "4755\nbin\n");
        expect_complete_store(tag);
    }
}

TEST_F(ImagePull, RefusesWhatIsNoImage) {
    const json plain = small_manifest("odd");
    json artifact = plain;
    artifact["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json";
    json foreign = plain;
    foreign["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    foreign["layers"][0]["urls"] = {"https://vendor.example/layer"};
    json huge = plain;
    huge["layers"][0]["size"] = std::uint64_t{1} << 50;
    EXPECT_THAT(work("pull " + name("odd@" + plant("odd", artifact))).error,
                HasSubstr("artifact of type 'application/vnd.cncf"));
    EXPECT_THAT(work("pull " + name("odd@" + plant("odd", foreign))).error, HasSubstr("foreign"));
    EXPECT_THAT(work("pull " + name("odd@" + plant("odd", huge))).error, HasSubstr("larger than"));
    expect_complete_store();
}

TEST_F(ImagePull, RefusesALayerThatIsNotWhatItsDigestSays) {
    const std::string digest = server_->push_files("wrong", "1", {noise(60'000, 1), noise(60'000, 2)});
    const json manifest = json::parse(shell(fmt::format(
        "curl -sSf -H 'Accept: {}' http://{}/v2/wrong/manifests/1", kOciManifestType, server_->host())));
    const std::string layer = manifest["layers"][1]["digest"], hex = layer.substr(7);
    const std::string path =
        fmt::format("registry/data/docker/registry/v2/blobs/sha256/{}/{}/data", hex.substr(0, 2), hex);
    std::string bytes = read_file(directory_.file(path));
    bytes.at(bytes.size() - 3) ^= 1;  // in gzip's length: the archive itself is whole
    const std::string right = read_file(directory_.file(path));
    directory_.write(path, bytes);
    const Answer answer = work("pull " + name("wrong:1"));
    EXPECT_THAT(answer.error, HasSubstr("corrupt gzip data"));
    expect_sound_store();
    EXPECT_FALSE(path_exists(store().paths().download(layer))) << "wrong bytes are not kept";
    EXPECT_TRUE(store().list().empty());
    directory_.write(path, right);
    EXPECT_EQ(work("pull " + name("wrong:1")).digest(), digest);
    expect_complete_store();
}

TEST_F(ImagePull, BringsMoreLayersThanComeAtOnce) {
    std::vector<std::string> contents;
    contents.reserve(20);
    for (int i = 0; i < 20; ++i) contents.push_back(fmt::format("layer {}", i));
    const std::string digest = server_->push_files("many", "1", contents);
    EXPECT_EQ(work("pull " + name("many:1")).digest(), digest);
    const Image image = store().get(name("many:1"));
    for (std::size_t i = 0; i < contents.size(); ++i) EXPECT_EQ(file_of(image, i), contents[i]);
    expect_complete_store();
}

TEST_F(ImagePull, OnePullsDownloadServesAnother) {
    static_cast<void>(server_->push_files("big", "1", {noise(300'000, 1), noise(300'000, 2)}));
    CuttingProxy proxy{server_->port()};
    proxy.hold_after(50'000);
    const std::string image = proxy.host() + "/big:1";
    const Running first = start(image);
    ASSERT_TRUE(proxy.wait_until_held());
    const Running second = start(image);
    // Once it speaks of layers it has seen that their files are in other hands.
    std::string heard;
    while (heard.find("\"layer\"") == std::string::npos) {
        char byte = 0;
        ASSERT_EQ(::read(second.out.get(), &byte, 1), 1);
        heard += byte;
    }
    proxy.release();
    EXPECT_EQ(first.finish().first, 0);
    EXPECT_EQ(second.finish().first, 0);
    const Image pulled = store().get(image);
    EXPECT_EQ(file_of(pulled, 1), noise(300'000, 2));
    for (const std::string& name : list_directory(store().paths().blobs))
        EXPECT_LE(server_->requests("GET /v2/big/blobs/sha256:" + name),
                  name == pulled.id.substr(7) ? 2u : 1u)
            << server_->log();
    expect_complete_store();
}

TEST_F(ImagePull, TakesOverFromAPullThatIsKilled) {
    const std::string digest = server_->push_files("big", "1", {noise(300'000, 1), noise(300'000, 2)});
    CuttingProxy proxy{server_->port()};
    proxy.hold_after(50'000);
    const std::string image = proxy.host() + "/big:1";
    const Running first = start(image);
    ASSERT_TRUE(proxy.wait_until_held());
    const Running second = start(image);
    first.process.signal(SIGKILL);
    proxy.release();
    EXPECT_EQ(first.finish().first, 137);
    EXPECT_EQ(second.finish().first, 0);
    EXPECT_EQ(store().get(image).digest, digest);
    expect_complete_store();
}

// Twenty stores, each over a proxy of its own that cuts its first seven connections somewhere.
TEST_F(ImagePull, EndsWithTheRightDigestAfterAHundredCuts) {
    const std::vector<std::string> contents{noise(120'000, 1), noise(90'000, 2), noise(200'000, 3)};
    const std::string digest = server_->push_files("cut", "1", contents);
    struct Store {
        std::unique_ptr<CuttingProxy> proxy;
        std::optional<Running> worker;
    };
    std::vector<Store> stores(20);
    for (std::size_t i = 0; i < stores.size(); ++i) {
        auto random = std::make_shared<std::mt19937>(static_cast<unsigned>(i));
        stores[i].proxy = std::make_unique<CuttingProxy>(
            server_->port(), [random, left = 7]() mutable -> std::optional<std::uint64_t> {
                if (left-- <= 0) return std::nullopt;
                return std::uniform_int_distribution<std::uint64_t>{1, 50'000}(*random);
            });
        stores[i].worker = start(stores[i].proxy->host() + "/cut:1", fmt::format("root{}", i));
    }
    int cuts = 0;
    for (std::size_t i = 0; i < stores.size(); ++i) {
        const std::string root = fmt::format("root{}", i);
        const auto [code, events] = stores[i].worker->finish();
        cuts += stores[i].proxy->cuts();
        ASSERT_EQ(code, 0) << events;
        EXPECT_THAT(events, HasSubstr("\"retry\""));
        const Image image = store(root).get(stores[i].proxy->host() + "/cut:1");
        EXPECT_EQ(image.digest, digest);
        for (std::size_t layer = 0; layer < contents.size(); ++layer)
            EXPECT_EQ(file_of(image, layer), contents[layer]);
        expect_complete_store(root);
    }
    EXPECT_GE(cuts, 100);
}

// Whoever is killed, and whenever: nothing of it runs on, and the next pull completes the store.
TEST_F(ImagePull, SurvivesTheDeathOfEachOfItsProcesses) {
    const std::string digest =
        server_->push_files("kill", "1", {noise(150'000, 1), noise(80'000, 2), noise(150'000, 3)});
    std::mt19937 random{7};
    for (int round = 0; round < 12; ++round) {
        const std::string root = fmt::format("root{}", round);
        CuttingProxy proxy{server_->port()};
        std::optional<Running> worker;
        UniqueFd started{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        Pipe known = make_pipe();
        proxy.after(std::uniform_int_distribution<std::uint64_t>{1, 385'000}(random), [&, round] {
            char byte = 0;
            if (::read(known.read.get(), &byte, 1) != 1) return;  // `worker` is set
            std::vector<int> pids{worker->process.pid()};
            for (const std::string& child :
                 split(read_file(fmt::format("/proc/{0}/task/{0}/children", pids.front())), ' '))
                if (const auto pid = parse_int(child)) pids.push_back(static_cast<int>(*pid));
            ::kill(pids[static_cast<std::size_t>(round) % pids.size()], SIGKILL);
        });
        worker = start(proxy.host() + "/kill:1", root);
        write_all(known.write.get(), "!", "the test's pipe");
        static_cast<void>(worker->finish());
        EXPECT_TRUE(eventually([&] { return processes_of(directory_.file(root)).empty(); }));
        const Answer again = work("pull " + proxy.host() + "/kill:1", root);
        ASSERT_EQ(again.error, "") << round;
        EXPECT_EQ(again.digest(), digest);
        EXPECT_EQ(store(root).get(proxy.host() + "/kill:1").digest, digest);
        expect_complete_store(root);
    }
}

TEST_F(ImagePull, ResumesWhereAnInterruptStoppedIt) {
    static_cast<void>(server_->push_files("big", "1", {noise(400'000, 1)}));
    CuttingProxy proxy{server_->port()};
    proxy.hold_after(200'000);
    const Running worker = start(proxy.host() + "/big:1");
    ASSERT_TRUE(proxy.wait_until_held());
    const auto on_disk = [&] {
        std::size_t bytes = 0;
        for (const std::string& file : list_directory(store().paths().downloads))
            bytes += read_file(store().paths().downloads + '/' + file).size();
        return bytes;
    };
    ASSERT_TRUE(eventually([&] { return on_disk() > 150'000; }));
    worker.process.signal(SIGINT);
    const auto [code, events] = worker.finish();
    EXPECT_EQ(code, 130);
    EXPECT_THAT(events, HasSubstr("\"cancelled\""));
    proxy.release();
    expect_sound_store();
    ASSERT_EQ(list_directory(store().paths().downloads).size(), 1u);
    const Answer again = work("pull " + proxy.host() + "/big:1");
    ASSERT_EQ(again.error, "");
    EXPECT_LT(again.results.at(0)["downloaded"], 300'000) << "what was there is not fetched twice";
    expect_complete_store();
}

TEST_F(ImagePull, FetchesALeftOverThatIsWrongAnew) {
    static_cast<void>(server_->push_files("app", "1", {noise(100'000, 1)}));
    ASSERT_EQ(work("pull " + name("app:1"), "other").error, "");
    const StorePaths paths{directory_.file("root")};
    make_directories(paths.downloads);
    for (const std::string& blob : list_directory(StorePaths{directory_.file("other")}.blobs)) {
        const std::size_t size = read_file(StorePaths{directory_.file("other")}.blobs + '/' + blob).size();
        if (size < 50'000) continue;
        directory_.write("root/images/downloads/" + blob, noise(40'000, 99), 0600);
    }
    const Answer answer = work("pull " + name("app:1"));
    ASSERT_EQ(answer.error, "");
    EXPECT_EQ(file_of(store().get(name("app:1")), 0), noise(100'000, 1));
    expect_complete_store();
}

TEST_F(ImagePull, ClearsDownloadsThatAreOldAndUnused) {
    static_cast<void>(server_->push_files("app", "1", {"one"}));
    const std::string old = directory_.write("root/images/downloads/" + std::string(64, 'a'), "old", 0600);
    const std::string used = directory_.write("root/images/downloads/" + std::string(64, 'b'), "used", 0600);
    const std::string young =
        directory_.write("root/images/downloads/" + std::string(64, 'c'), "young", 0600);
    shell("touch -d '8 days ago' " + old + " " + used);
    const FileLock held = FileLock::acquire(used);
    ASSERT_EQ(work("pull " + name("app:1")).error, "");
    EXPECT_FALSE(path_exists(old));
    EXPECT_TRUE(path_exists(used));
    EXPECT_TRUE(path_exists(young));
}

TEST_F(ImagePull, SaysHowMuchSpaceIsMissing) {
    json document = small_manifest("huge");
    document["layers"][0]["size"] = 100'000'000;
    const std::string image = name("huge@" + plant("huge", document));
    // A disk of four megabytes, gone with its mount namespace.
    const std::string out =
        shell("mkdir small && unshare -m sh -c 'mount -t tmpfs -o size=4m none small; " + kWorkerProgram +
              " pull --root small " + image + "; ls small/images/downloads small/staging'");
    EXPECT_THAT(out, HasSubstr("needs at least 200MB"));
    EXPECT_THAT(out, HasSubstr("are free"));
    EXPECT_THAT(out, testing::EndsWith("small/images/downloads:\n\nsmall/staging:\n"));
}

}  // namespace
}  // namespace stack::test
