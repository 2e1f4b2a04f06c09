// load: archives with several images, as we, skopeo and others write them.
#include "runtime/image/image_store.hpp"
#include "tests/kernel/image_tar.hpp"
#include "tests/kernel/image_worker.hpp"
#include "tests/support/test_image.hpp"

#include <gmock/gmock.h>

namespace stack::image {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class Load : public test::ImageWorkerTest {
  protected:
    void layout(const std::string& folder, const std::string& tag, std::vector<std::string> layers) const {
        test::TestImage image;
        image.layers = std::move(layers);
        test::write_image_layout(directory_.file(folder), tag, image);
    }
    // Two images that share their base, in a store of their own.
    void fill_other_store() const {
        const std::string base = test::tar_of_file("base", std::string(200'000, 'b'));
        layout("web", "1", {base, test::tar_of_file("web", "web")});
        layout("db", "1", {base, test::tar_of_file("db", "db")});
        ASSERT_EQ(work("import shop/web:1 web", "other").error, "");
        ASSERT_EQ(work("import shop/db:1 db", "other").error, "");
        store("other").tag("shop/db:1", "shop/db:latest");
    }
    static std::vector<std::string> references(const Answer& answer) {
        std::vector<std::string> result;
        for (const json& event : answer.results) result.push_back(event["reference"]);
        return result;
    }
};

TEST_F(Load, TakesEveryImageUnderItsOwnNames) {
    fill_other_store();
    for (const std::string format : {"docker", "oci"}) {
        work("save --format " + format + " --output-fd 5 shop/web:1 shop/db:1 shop/db 5>both.tar", "other");
        const Answer answer = work("load both.tar", format);
        ASSERT_EQ(answer.error, "");
        EXPECT_THAT(references(answer),
                    testing::UnorderedElementsAre("shop/web:1", "shop/db:1", "shop/db:latest"));
        for (const std::string name : {"shop/web:1", "shop/db:1", "shop/db:latest"})
            EXPECT_EQ(store(format).get(name).id, store("other").get(name).id);
        EXPECT_EQ(store(format).get("shop/web:1").layer_ids.back(),
                  store(format).get("shop/db:1").layer_ids.back());
        EXPECT_EQ(list_directory(store(format).paths().layers).size(), 2 * 3u)
            << "the base layer is there once";
        expect_sound_store(format);
        const Answer again = work("load both.tar", format);
        for (const json& event : again.results) EXPECT_EQ(event["changed"], false) << event;
    }
}

TEST_F(Load, ReadsPipesAndCompressedArchives) {
    fill_other_store();
    work("save --output-fd 5 shop/web:1 shop/db:1 5>both.tar", "other");
    const std::string lines =
        shell("cat both.tar | $W load --root piped - && gzip -c both.tar | $W load --root packed -");
    EXPECT_TRUE(store("piped").find("shop/web:1"));
    EXPECT_TRUE(store("packed").find("shop/db:1"));
    EXPECT_THAT(lines, HasSubstr("progress"));
    EXPECT_THAT(shell("$W load --quiet --root quiet - < both.tar"), testing::Not(HasSubstr("progress")));
    expect_sound_store("piped");
    expect_sound_store("packed");
}

TEST_F(Load, ReadsWhatSkopeoWrites) {
    layout("web", "1", {test::tar_of_file("web", "web")});
    shell(
        "skopeo --insecure-policy copy --quiet oci:web:1 docker-archive:docker.tar:shop/web:1"
        " && skopeo --insecure-policy copy --quiet oci:web:1 oci-archive:oci.tar:shop/web:2"
        " && skopeo --insecure-policy copy --quiet oci:web:1 oci:folder:docker.io/shop/web:3");
    EXPECT_THAT(references(work("load docker.tar")), ElementsAre("shop/web:1"));
    EXPECT_THAT(references(work("load oci.tar")), ElementsAre("shop/web:2"));
    EXPECT_THAT(references(work("load folder")), ElementsAre("shop/web:3"));
    EXPECT_EQ(store().get("shop/web:3").digest, store().get("shop/web:2").digest);
    expect_sound_store();
}

TEST_F(Load, AnImageWithoutANameHasItsDigest) {
    layout("web", "latest", {test::tar_of_file("web", "web")});  // a tag alone, as umoci writes it
    const Answer answer = work("load web");
    ASSERT_EQ(answer.error, "");
    EXPECT_THAT(references(answer), ElementsAre(""));
    ASSERT_EQ(answer.warnings.size(), 1u);
    EXPECT_THAT(answer.warnings.front(), HasSubstr("'latest'"));
    EXPECT_EQ(store().get(answer.digest()).reference, "");
    EXPECT_EQ(work("load web").results.at(0)["changed"], false);
    layout("db", "latest", {test::tar_of_file("db", "db")});
    work("load db");
    EXPECT_EQ(store().list().size(), 2u) << "two images without a name";
}

TEST_F(Load, KeepsTheImagesBeforeABrokenOne) {
    fill_other_store();
    work("save --format oci --output-fd 5 shop/web:1 shop/db:1 5>both.tar", "other");
    const Image last = store("other").get("shop/web:1").digest > store("other").get("shop/db:1").digest
                           ? store("other").get("shop/web:1")
                           : store("other").get("shop/db:1");
    // The later one's manifest, spoilt.
    std::string bytes = read_file(directory_.file("both.tar"));
    const std::string manifest = read_file(store("other").paths().blob(last.digest));
    const std::size_t place = bytes.find(manifest);
    ASSERT_NE(place, std::string::npos);
    bytes[place + 1] = 'X';
    directory_.write("both.tar", bytes);
    const Answer answer = work("load both.tar");
    EXPECT_THAT(answer.error, HasSubstr(last.digest));
    EXPECT_EQ(answer.results.size(), store().list().size());
    EXPECT_FALSE(store().find(last.reference));
    expect_sound_store();
}

TEST_F(Load, RefusesWhatHoldsNoImages) {
    shell("mkdir r && echo x > r/file && tar cf r.tar -C r .");
    EXPECT_THAT(work("load r.tar").error, HasSubstr("stack image import"));
    EXPECT_THAT(work("load r").error, HasSubstr("neither index.json nor manifest.json"));
    EXPECT_NE(work("load missing.tar").error, "");
    EXPECT_THAT(work("load one two").error, HasSubstr("one source"));
}

TEST_F(Load, NamesThatAreNoneAreLeftOut) {
    const std::string layer = test::tar_of_file("x", "y");
    const json config = {{"architecture", "amd64"},
                         {"os", "linux"},
                         {"rootfs", {{"type", "layers"}, {"diff_ids", {sha256_digest(layer)}}}}};
    const json manifest =
        json::array({{{"Config", "config.json"},
                      {"Layers", {"layer.tar"}},
                      {"RepoTags", {"../../etc/passwd", "Upper/Case:1", "fine:1", "fine:1"}}}});
    directory_.write("x.tar", test::HostileTar{}
                                  .file("manifest.json", manifest.dump())
                                  .file("config.json", config.dump())
                                  .file("layer.tar", layer)
                                  .finish());
    const Answer answer = work("load x.tar");
    ASSERT_EQ(answer.error, "");
    EXPECT_THAT(references(answer), ElementsAre("fine:1"));
    EXPECT_EQ(answer.warnings.size(), 2u);
}

}  // namespace
}  // namespace stack::image
