// The store's reading side and its names, on layouts written by hand. Importing is in the kernel ring.
#include "runtime/image/image_store.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/image_history.hpp"
#include "tests/unit/image_store_fixture.hpp"

namespace stack {
namespace {

using ImageStoreTest = test::StoreFixture;

TEST_F(ImageStoreTest, IsEmptyBeforeItExists) {
    EXPECT_TRUE(store_.list().empty());
    EXPECT_EQ(store_.find("redis"), std::nullopt);
    EXPECT_THROW(store_.get("redis"), Error);
    EXPECT_FALSE(path_exists(paths_.root)) << "reading must not write";
}

TEST_F(ImageStoreTest, FindsAnImageByNameDigestAndId) {
    const std::string digest = add("guestbook/app:1", {"base", "top"});
    const Image image = store_.get("guestbook/app:1");
    EXPECT_EQ(image.reference, "guestbook/app:1");
    EXPECT_EQ(image.digest, digest);
    EXPECT_EQ(image.size, 20u);
    EXPECT_EQ(store_.get("docker.io/guestbook/app:1"), image);
    EXPECT_EQ(store_.get(digest), image);
    EXPECT_EQ(store_.get("whatever@" + digest), image);
    EXPECT_EQ(store_.get(image.id), image);
    EXPECT_EQ(store_.get(image.id.substr(7, 12)), image);
    EXPECT_EQ(store_.find("guestbook/app"), std::nullopt) << "the tag latest was never given";
    EXPECT_THROW(store_.find("Not A Name"), Error);
}

TEST_F(ImageStoreTest, GivesLayersTopmostFirst) {
    add("app", {"base", "top"});
    const Image image = store_.get("app");
    const std::string base = sha256_digest("base");
    ASSERT_EQ(image.layer_paths.size(), 2u);
    EXPECT_EQ(image.layer_paths[1], paths_.layer(layer_id_of(base)));
    EXPECT_EQ(read_file(image.layer_paths[0] + "/file"), "top");
}

TEST_F(ImageStoreTest, ShortLayerNamesLetALongStackFitOneMountOption) {
    add("app", {"base"});
    EXPECT_LE((store_.get("app").layer_ids.front().size() + 1) * 127, 4096u);
}

TEST_F(ImageStoreTest, TellsHowAnImageWasMade) {
    add("app", {"base", "top"});
    Image image = store_.get("app");
    // As Docker writes it: a layer, settings without one, a layer; and one step more than there are layers.
    image.config.history = {{"2024-01-01T00:00:00Z", "ADD base", "", "", false},
                            {"2024-01-01T00:00:01Z", "CMD x", "", "", true},
                            {"2024-01-01T00:00:02Z", "COPY top", "a comment", "", false},
                            {"2024-01-01T00:00:03Z", "lost", "", "", false}};
    const std::vector<HistoryLine> lines = image_history(paths_, image);
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_EQ(lines[0].layer_id, "") << "no layer is left for it";
    EXPECT_EQ(lines[1].layer_id, image.layer_ids[0]);
    EXPECT_EQ(lines[1].step.comment, "a comment");
    EXPECT_EQ(lines[1].size, 10u);
    EXPECT_EQ(lines[2].layer_id, "");
    EXPECT_EQ(lines[3].layer_id, image.layer_ids[1]);
    image.config.history.clear();
    EXPECT_EQ(image_history(paths_, image).size(), 2u) << "layers that nothing is said of";
}

TEST_F(ImageStoreTest, SaysWhenAnImageIsDamaged) {
    add("app", {"base"});
    remove_tree(store_.get("app").layer_paths.front());
    try {
        static_cast<void>(store_.find("app"));
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(std::string{error.what()}.find("damaged"), std::string::npos);
    }
    EXPECT_EQ(store_.list().size(), 1u) << "it can still be seen and removed";
}

TEST_F(ImageStoreTest, KeepsALayerThatAnotherImageShares) {
    add("one", {"base", "one"});
    add("two", {"base", "two"});
    EXPECT_EQ(layer_count(), 3u);
    store_.remove("one", {});
    EXPECT_EQ(layer_count(), 2u);
    EXPECT_TRUE(store_.find("two"));
    const ImageRemoval removal = store_.remove("two", {});
    EXPECT_EQ(layer_count(), 0u);
    EXPECT_EQ(blob_count(), 0u);
    EXPECT_GE(removal.freed_bytes, 2 * 4096u);
}

TEST_F(ImageStoreTest, RemovesAnImageWithItsLastName) {
    const std::string digest = add("app:1", {"base"});
    store_.tag("app:1", "app:2");
    EXPECT_EQ(store_.remove("app:1", {}).untagged, std::vector<std::string>{"app:1"});
    EXPECT_EQ(store_.get("app:2").digest, digest);
    store_.remove("app:2", {});
    EXPECT_EQ(layer_count(), 0u);
}

TEST_F(ImageStoreTest, RefusesToRemoveWhatAContainerUses) {
    const std::string digest = add("app", {"base"});
    const auto in_use = [&] { return ImagesInUse{{digest, "shop-web-1"}}; };
    try {
        store_.remove("app", in_use);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::conflict);
        EXPECT_NE(std::string{error.what()}.find("shop-web-1"), std::string::npos);
    }
    EXPECT_TRUE(store_.find("app"));
    store_.tag("app", "other");
    EXPECT_NO_THROW(store_.remove("app", in_use)) << "another name still holds the image";
}

TEST_F(ImageStoreTest, AnIdWithSeveralNamesNeedsForce) {
    add("app:1", {"base"});
    store_.tag("app:1", "app:2");
    const std::string id = store_.get("app:1").id.substr(7, 12);
    EXPECT_THROW(store_.remove(id, {}), Error);
    EXPECT_EQ(store_.remove(id, {}, true).untagged.size(), 2u);
    EXPECT_TRUE(store_.list().empty());
}

TEST_F(ImageStoreTest, ANameTakenOverLeavesTheOldImageNameless) {
    const std::string old_digest = add("app", {"old"});
    add("app", {"new"});
    const std::vector<ImageSummary> images = store_.list();
    ASSERT_EQ(images.size(), 2u);
    EXPECT_EQ(images[1].digest, old_digest);
    EXPECT_EQ(images[1].repository, "<none>");
    EXPECT_EQ(store_.get(old_digest).layer_paths.size(), 1u) << "a container may stand on it";
    store_.remove(old_digest, {});
    EXPECT_EQ(layer_count(), 1u);
}

TEST_F(ImageStoreTest, CollectsWhatNothingNamesAndNothingElse) {
    add("app", {"base"});
    directory_.write("root/layers/" + std::string(24, 'f') + "/file", "leftover of a crash");
    directory_.write("root/images/blobs/sha256/" + std::string(64, 'f'), "leftover");
    directory_.write("root/staging/0123456789abcdef/layers/new.0/file", "half a layer");
    store_.collect();
    EXPECT_TRUE(list_directory(paths_.staging).empty());
    EXPECT_EQ(blob_count(), 3u);
    EXPECT_TRUE(store_.find("app"));
    EXPECT_FALSE(path_exists(paths_.layer(std::string(24, 'f'))));
}

TEST_F(ImageStoreTest, CollectsNothingWhileAnImportRuns) {
    add("app", {"base"});
    const FileLock import = FileLock::acquire(paths_.gc_lock, true);
    directory_.write("root/staging/0123456789abcdef/file", "being imported");
    store_.collect();
    EXPECT_EQ(list_directory(paths_.staging).size(), 1u);
    store_.remove("app", {});
    EXPECT_EQ(layer_count(), 1u) << "left for later";
}

TEST_F(ImageStoreTest, NeverTurnsAForeignAnnotationIntoAPath) {
    add("app", {"base"});
    Index index = read_store_index(paths_);
    index.manifests.front().annotations[std::string{kLayersAnnotation}] = "../../../../../etc";
    write_store_index(paths_, index);
    EXPECT_THROW(static_cast<void>(store_.find("app")), Error);
}

}  // namespace
}  // namespace stack
