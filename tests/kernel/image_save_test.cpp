// save and export, read back by ourselves and by skopeo and umoci.
#include "runtime/image/image_store.hpp"
#include "runtime/image/reference.hpp"
#include "tests/kernel/image_worker.hpp"
#include "tests/support/test_image.hpp"

namespace stack::image {
namespace {

using nlohmann::json;

class Save : public test::ImageWorkerTest {
  protected:
    void SetUp() override {
        ImageWorkerTest::SetUp();
        if (IsSkipped()) return;
        base_ = test::tar_of_file("base", std::string(200'000, 'b'));
        layout("web", {base_, test::tar_of_file("web", "web")});
        layout("db", {base_, test::tar_of_file("db", "db")});
        ASSERT_EQ(work("import shop/web:1 web").error, "");
        ASSERT_EQ(work("import shop/db:1 db").error, "");
    }
    void layout(const std::string& folder, std::vector<std::string> layers) const {
        test::TestImage image;
        image.layers = std::move(layers);
        test::write_image_layout(directory_.file(folder), "1", image);
    }
    void save(const std::string& format, const std::string& names, const std::string& file) const {
        const Answer answer =
            work(fmt::format("save --format {} --output-fd 5 {} 5>{}", format, names, file));
        EXPECT_EQ(answer.error, "");
        EXPECT_EQ(answer.results.at(0)["bytes"], read_file(directory_.file(file)).size());
    }
    // The diff ids of an image as skopeo reads it.
    std::string diff_ids(const std::string& place) const {
        return json::parse(shell("skopeo --insecure-policy inspect --config " + place))["rootfs"]["diff_ids"]
            .dump();
    }
    std::string diff_ids_in_store(const std::string& name) const {
        return json(store().get(name).config.diff_ids).dump();
    }

    std::string base_;
};

TEST_F(Save, DockerArchiveIsReadBySkopeoAndByUs) {
    save("docker", "shop/web:1", "one.tar");
    EXPECT_EQ(diff_ids("docker-archive:one.tar"), diff_ids_in_store("shop/web:1"));
    const Answer again = work("import shop/web:1 one.tar", "other");
    ASSERT_EQ(again.error, "");
    EXPECT_EQ(again.results.at(0)["id"], store().get("shop/web:1").id) << "the image keeps its id";
    expect_sound_store("other");
}

TEST_F(Save, SeveralImagesShareTheirLayersInOneArchive) {
    save("docker", "shop/web:1 shop/db:1 shop/web:1", "both.tar");
    EXPECT_EQ(shell("tar tf both.tar | grep -c '[.]tar$'"), "3\n") << "the base layer is there once";
    EXPECT_EQ(shell("tar xOf both.tar " + digest_hex(sha256_digest(base_)) + ".tar"), base_);
    EXPECT_EQ(diff_ids("docker-archive:both.tar:shop/db:1"), diff_ids_in_store("shop/db:1"));
    EXPECT_EQ(diff_ids("docker-archive:both.tar:shop/web:1"), diff_ids_in_store("shop/web:1"));
    EXPECT_EQ(json::parse(shell("tar xOf both.tar manifest.json")).size(), 2u);
}

TEST_F(Save, OciArchiveHasTheBlobsAsTheyAre) {
    save("oci", "shop/web:1 shop/db:1", "both.tar");
    const std::string digest = store().get("shop/web:1").digest;
    EXPECT_EQ(sha256_digest(shell("tar xOf both.tar blobs/sha256/" + digest_hex(digest))), digest);
    shell("skopeo --insecure-policy copy --quiet oci-archive:both.tar:docker.io/shop/web:1 oci:copied:1");
    EXPECT_EQ(shell("skopeo inspect --raw oci:copied:1 | sha256sum | cut -c1-64"), digest_hex(digest) + "\n");
    shell("umoci unpack --image copied:1 bundle");
    EXPECT_EQ(shell("cat bundle/rootfs/web"), "web");
    EXPECT_EQ(shell("cat bundle/rootfs/base | wc -c"), "200000\n");
}

TEST_F(Save, TheSameImageGivesTheSameBytes) {
    save("docker", "shop/web:1 shop/db:1", "a.tar");
    save("oci", "shop/web:1 shop/db:1", "b.tar");
    ASSERT_EQ(work("import shop/db:1 db", "other").error, "");
    ASSERT_EQ(work("import shop/web:1 web", "other").error, "");
    work("save --format docker --output-fd 5 shop/web:1 shop/db:1 5>c.tar", "other");
    work("save --format oci --output-fd 5 shop/web:1 shop/db:1 5>d.tar", "other");
    shell("cmp a.tar c.tar && cmp b.tar d.tar");
}

TEST_F(Save, AnImageMeantByItsIdHasNoName) {
    save("docker", store().get("shop/web:1").id.substr(7, 12), "one.tar");
    EXPECT_EQ(json::parse(shell("tar xOf one.tar manifest.json"))[0]["RepoTags"], nullptr);
    save("oci", store().get("shop/web:1").digest, "two.tar");
    EXPECT_FALSE(json::parse(shell("tar xOf two.tar index.json"))["manifests"][0].contains("annotations"));
}

TEST_F(Save, SaysWhichBlobIsDamaged) {
    const StorePaths paths{directory_.file("root")};
    const Image image = store().get("shop/web:1");
    const json manifest = json::parse(read_file(paths.blob(image.digest)));
    const std::string layer = manifest["layers"][0]["digest"];
    const std::string bytes = read_file(paths.blob(layer));
    directory_.write("root/images/blobs/sha256/" + digest_hex(layer),
                     bytes.substr(0, bytes.size() - 1) + "?");
    for (const char* format : {"oci", "docker"}) {
        const Answer answer = work(fmt::format("save --format {} --output-fd 5 shop/web:1 5>x.tar", format));
        EXPECT_NE(answer.exit_code, 0) << format;
        EXPECT_TRUE(answer.results.empty());
        EXPECT_NE(answer.error.find("damaged"), std::string::npos) << answer.error;
    }
}

TEST_F(Save, SaysWhatIsWrongWithItsArguments) {
    EXPECT_NE(work("save --output-fd 5 missing:1 5>x.tar").error.find("not in the store"), std::string::npos);
    EXPECT_NE(work("save --output-fd 77 shop/web:1").error.find("no descriptor"), std::string::npos);
    EXPECT_NE(work("save --output-fd 1 shop/web:1").error.find("no descriptor"), std::string::npos);
    EXPECT_NE(work("save --output-fd 5 shop/web:1 5<web/index.json").error.find("no descriptor"),
              std::string::npos);
    EXPECT_NE(work("save --format zip --output-fd 5 shop/web:1 5>x.tar").error.find("zip"),
              std::string::npos);
    EXPECT_NE(work("save --output-fd 5 shop/web:1", "nowhere").error, "");
    EXPECT_FALSE(path_exists(directory_.file("nowhere")));
}

TEST_F(Save, AReaderThatGoesAwayIsAnErrorAndNoSignal) {
    const std::string lines = shell(
        "mkfifo pipe; head -c 1000 pipe > /dev/null & "
        "$W save --root root --output-fd 5 shop/web:1 5>pipe || true");
    EXPECT_NE(lines.find("EPIPE"), std::string::npos) << lines;
}

TEST_F(Save, ExportMergesLayersAndAppliesWhiteouts) {
    shell(
        "mkdir -p l1/etc/gone l1/dir/old l2/etc l2/dir/new && echo 1 > l1/etc/kept && echo 1 > l1/etc/changed"
        " && echo 1 > l1/etc/removed && echo 1 > l1/dir/old/file && touch l2/etc/.wh.removed l2/etc/.wh.gone"
        " && echo 22 > l2/etc/changed && chown 5:6 l2/etc/changed && chmod 4755 l2/etc/changed"
        " && touch l2/dir/.wh..wh..opq && ln l2/etc/changed l2/etc/same && ln -s etc l2/link"
        " && tar cf l1.tar -C l1 . && tar cf l2.tar -C l2 .");
    layout("lay", {read_file(directory_.file("l1.tar")), read_file(directory_.file("l2.tar"))});
    ASSERT_EQ(work("import app lay").error, "");
    const Answer answer = work("export --output-fd 5 app 5>root.tar");
    ASSERT_EQ(answer.error, "");
    EXPECT_EQ(shell("tar tf root.tar"), "./\ndir/\ndir/new/\netc/\netc/changed\netc/kept\netc/same\nlink\n");
    shell("mkdir out && tar xpf root.tar -C out");
    EXPECT_EQ(shell("stat -c '%a %u:%g %h' out/etc/same && cat out/etc/changed"), "4755 5:6 2\n22\n");
    work("export --output-fd 5 app 5>again.tar");
    shell("cmp root.tar again.tar");
    expect_sound_store();
    EXPECT_EQ(shell("grep -c " + directory_.path() + " /proc/self/mounts || true"), "0\n");
}

TEST_F(Save, ExportTakesAnImageOfOneLayer) {
    shell("mkdir r && echo x > r/file");
    ASSERT_EQ(work("import app r").error, "");
    ASSERT_EQ(work("export --output-fd 5 app 5>root.tar").error, "");
    EXPECT_EQ(shell("tar tf root.tar"), "./\nfile\n");
    EXPECT_NE(work("export --output-fd 5 missing 5>root.tar").error.find("not in the store"),
              std::string::npos);
}

}  // namespace
}  // namespace stack::image
