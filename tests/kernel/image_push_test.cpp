// `stack-image push` against Debian's docker-registry, checked by skopeo.
#include "runtime/image/image_index.hpp"
#include "tests/kernel/image_worker.hpp"
#include "tests/support/registry_server.hpp"

#include <memory>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ImagePush : public ImageWorkerTest {
  protected:
    void SetUp() override {
        ImageWorkerTest::SetUp();
        if (!IsSkipped()) server_ = std::make_unique<RegistryServer>(directory_.file("registry"));
    }
    [[nodiscard]] std::string name(const std::string& image) const { return server_->host() + "/" + image; }
    std::string skopeo(const std::string& words) const { return shell("skopeo --insecure-policy " + words); }

    std::unique_ptr<RegistryServer> server_;
};

TEST_F(ImagePush, SendsWhatSkopeoReadsAndVerifies) {
    shell("mkdir -p rootfs/etc && echo hello > rootfs/etc/greeting");
    const Answer made = work("import --cmd /bin/sh --label a=b " + name("team/app:1") + " rootfs");
    const Answer pushed = work("push " + name("team/app:1"));
    ASSERT_EQ(pushed.error, "");
    EXPECT_EQ(pushed.digest(), made.digest());
    EXPECT_GT(pushed.results.at(0)["uploaded"], 100);
    EXPECT_EQ(pushed.results.at(0)["uploaded"], pushed.results.at(0)["size"]);
    const json seen = json::parse(skopeo("inspect --tls-verify=false docker://" + name("team/app:1")));
    EXPECT_EQ(seen["Digest"], made.digest());
    EXPECT_EQ(seen["Labels"]["a"], "b");
    // Another program's unpacking of what we sent.
    skopeo("copy -q --src-tls-verify=false docker://" + name("team/app:1") + " oci:copied:1");
    const Answer back = work("import app copied", "second");
    ASSERT_EQ(back.error, "");
    EXPECT_EQ(back.digest(), made.digest());
    EXPECT_EQ(read_file(store("second").get("app").layer_paths.at(0) + "/etc/greeting"), "hello\n");
}

TEST_F(ImagePush, IsOneRequestToPullAfterwards) {
    shell("mkdir -p rootfs && echo hello > rootfs/greeting");
    static_cast<void>(work("import " + name("app:1") + " rootfs"));
    ASSERT_EQ(work("push " + name("app:1")).error, "");
    const std::size_t before = server_->requests("");
    EXPECT_EQ(work("pull " + name("app:1")).results.at(0)["changed"], false);
    EXPECT_EQ(server_->requests(""), before + 1);
    EXPECT_EQ(work("push " + name("app:1")).results.at(0)["uploaded"], 0) << "it has all of it";
    expect_sound_store();
}

TEST_F(ImagePush, MountsWhatTheRegistryHasElsewhere) {
    const std::string digest = server_->push_files("base/one", "1", {"first layer", "second layer"});
    ASSERT_EQ(work("pull " + name("base/one:1")).error, "");
    store().tag(name("base/one:1"), name("team/two:1"));
    const Answer pushed = work("push " + name("team/two:1"));
    ASSERT_EQ(pushed.error, "");
    EXPECT_EQ(pushed.digest(), digest);
    EXPECT_EQ(server_->requests("mount="), 2u) << server_->log();
    EXPECT_LT(pushed.results.at(0)["uploaded"], 1000) << "the configuration alone";
    ASSERT_EQ(work("pull " + name("team/two:1"), "second").error, "");
    EXPECT_EQ(store("second").get(name("team/two:1")).digest, digest);
}

TEST_F(ImagePush, KeepsUncompressedLayersAsTheyAre) {
    shell(
        "mkdir -p fs && echo plain > fs/file && tar -C fs -cf layer.tar . && umoci init --layout made"
        " && umoci new --image made:1 && umoci raw add-layer --image made:1 layer.tar"
        " && skopeo --insecure-policy copy -q --dest-decompress oci:made:1 dir:plain"
        " && skopeo --insecure-policy copy -q dir:plain oci:uncompressed:1");
    const Answer made = work("import " + name("plain:1") + " uncompressed");
    ASSERT_EQ(work("push " + name("plain:1")).error, "");
    const Answer pulled = work("pull " + name("plain:1"), "second");
    ASSERT_EQ(pulled.error, "");
    EXPECT_EQ(pulled.digest(), made.digest());
    EXPECT_EQ(read_file(store("second").get(name("plain:1")).layer_paths.at(0) + "/file"), "plain\n");
    expect_sound_store("second");
}

// Made by buildah, pushed by us, pulled and looked into by buildah.
TEST_F(ImagePush, GoesRoundWithBuildah) {
    const std::string buildah = "buildah --root " + directory_.file("storage") + " --runroot " +
                                directory_.file("run") + " --storage-driver vfs ";
    shell("mkdir -p fs/etc && echo hello > fs/etc/greeting && " + buildah + "from --name made scratch && " +
          buildah + "add -q made fs / && " + buildah + "config --label a=b --cmd /bin/sh made && " + buildah +
          "commit -q made oci:layout:1");
    const Answer made = work("import " + name("app:1") + " layout");
    ASSERT_EQ(made.error, "");
    ASSERT_EQ(work("push " + name("app:1")).error, "");
    const std::string pulled = shell(buildah + "pull -q --tls-verify=false " + name("app:1"));
    EXPECT_THAT(store().get(name("app:1")).id, testing::EndsWith(pulled.substr(0, pulled.find('\n'))));
    shell(buildah + "from --name back --pull-never " + name("app:1"));
    EXPECT_EQ(shell("cat $(" + buildah + "mount back)/etc/greeting"), "hello\n");
    shell(buildah + "umount -a && " + buildah + "rm -a && " + buildah + "rmi -a");
}

TEST_F(ImagePush, SaysWhatItCannotSend) {
    EXPECT_THAT(work("push " + name("none:1")).error, HasSubstr("not in the store"));
    EXPECT_THAT(work("push " + name("app@sha256:" + std::string(64, 'a'))).error, HasSubstr("has a digest"));
    shell("mkdir -p rootfs && echo hello > rootfs/greeting");
    static_cast<void>(work("import " + name("app:1") + " rootfs"));
    shell("rm root/images/blobs/sha256/" + store().get(name("app:1")).id.substr(7));
    EXPECT_THAT(work("push " + name("app:1")).error, HasSubstr("damaged"));
}

}  // namespace
}  // namespace stack::test
