#include "runtime/image/image_source.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/tar_writer.hpp"
#include "tests/support/temp_root.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace stack::image {
namespace {

struct TarFile {
    std::string name, content, link;
};

std::string tar_of(const std::vector<TarFile>& files) {
    std::string out;
    TarWriter writer{[&](Bytes b) { out.append(reinterpret_cast<const char*>(b.data()), b.size()); }};
    for (const TarFile& file : files) {
        ArchiveEntry entry;
        entry.name = file.name;
        entry.size = file.content.size();
        if (file.name.ends_with('/')) entry.type = EntryType::directory;
        if (!file.link.empty()) entry.type = EntryType::symlink;
        entry.link = file.link;
        writer.header(entry);
        if (entry.type == EntryType::file) {
            writer.data(std::as_bytes(std::span{file.content.data(), file.content.size()}));
            writer.end_of_entry();
        }
    }
    writer.end_of_archive();
    return out;
}

UniqueFd file_of(const std::string& content) {
    UniqueFd fd{::memfd_create("archive", MFD_CLOEXEC)};
    write_all(fd.get(), content, "archive");
    return fd;
}

SourceKind kind(const std::vector<TarFile>& files) {
    const std::string tar = tar_of(files);
    return kind_of_archive(std::as_bytes(std::span{tar.data(), tar.size()}));
}

TEST(ImageSource, IsToldByItsFirstEntries) {
    EXPECT_EQ(kind({{"./", "", ""}, {"./bin/", "", ""}}), SourceKind::root_file_system);
    EXPECT_EQ(kind({{"etc/passwd", "x", ""}}), SourceKind::root_file_system);
    EXPECT_EQ(kind({{"./", "", ""}, {"./blobs/", "", ""}}), SourceKind::image_layout);
    EXPECT_EQ(kind({{"oci-layout", "{}", ""}}), SourceKind::image_layout);
    EXPECT_EQ(kind({{std::string(64, 'a') + "/", "", ""}}), SourceKind::image_layout);
    EXPECT_EQ(kind({{std::string(64, 'a') + ".json", "{}", ""}}), SourceKind::image_layout);
    EXPECT_EQ(kind({}), SourceKind::root_file_system);
    const std::string text = "this is no archive";
    EXPECT_THROW(kind_of_archive(std::as_bytes(std::span{text.data(), text.size()})), Error);
}

TEST(ImageSource, ReadsFilesInsideAnArchiveInPlace) {
    const std::string large(300'000, 'z');
    const UniqueFd file =
        file_of(tar_of({{"./a/one", "first", ""}, {"large", large, ""}, {"b/two", "", "../a/one"}}));
    const auto members = members_of_archive(file.get());
    EXPECT_EQ(members->get("a/one").text("file", 100), "first");
    EXPECT_EQ(members->get("large").text("file", 1u << 20), large);
    EXPECT_EQ(members->get("b/two").text("file", 100), "first") << "links stay inside the archive";
    EXPECT_FALSE(members->find("a"));
    EXPECT_FALSE(members->find("../../../../etc/passwd"));
    EXPECT_THROW(static_cast<void>(members->get("large").text("file", 1000)), Error);
}

TEST(ImageSource, EndlessLinksEnd) {
    const UniqueFd file = file_of(tar_of({{"a", "", "b"}, {"b", "", "a"}}));
    EXPECT_FALSE(members_of_archive(file.get())->find("a"));
}

TEST(ImageSource, RefusesAnArchiveThatIsCutOff) {
    const std::string tar = tar_of({{"blobs/x", std::string(5000, 'x'), ""}});
    const UniqueFd file = file_of(tar.substr(0, 2000));
    EXPECT_THROW(members_of_archive(file.get()), Error);
}

TEST(ImageSource, FollowsNoLinkInAFolder) {
    const test::TempDir directory;
    directory.write("layout/real", "inside");
    directory.write("secret", "outside");
    ASSERT_EQ(::symlink("../secret", directory.file("layout/link").c_str()), 0);
    const UniqueFd folder = open_directory(directory.file("layout"));
    const auto members = members_of_folder(folder.get());
    EXPECT_EQ(members->get("real").text("file", 100), "inside");
    EXPECT_FALSE(members->find("link"));
    EXPECT_FALSE(members->find("../secret"));
}

std::vector<FoundImage> saved_images() {
    const UniqueFd file =
        file_of(tar_of({{"manifest.json",
                         R"([{"Config":"a.json","RepoTags":["shop/web:1"],"Layers":["a/layer.tar"]},
                                               {"Config":"b.json","RepoTags":null,"Layers":[]}])",
                         ""}}));
    return images_in(*members_of_archive(file.get()));
}

TEST(ImageSource, ChoosesAmongSavedImagesByName) {
    const std::vector<FoundImage> images = saved_images();
    ASSERT_EQ(images.size(), 2u);
    EXPECT_EQ(choose_image(images, "docker.io/shop/web:1").config, "a.json");
    try {
        choose_image(images, "");
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(error.hint().find("shop/web:1"), std::string::npos) << "it lists them";
    }
    EXPECT_THROW(choose_image(images, "shop/web:2"), Error);
    EXPECT_EQ(choose_image({images[0]}, "").config, "a.json") << "the only one needs no name";
}

TEST(ImageSource, RefusesABrokenManifestList) {
    for (const char* manifest : {"{}", "[1]", R"([{"Layers":[]}])", "[", "[]", R"([{"Config":1}])"}) {
        const UniqueFd file = file_of(tar_of({{"manifest.json", manifest, ""}}));
        const auto members = members_of_archive(file.get());
        EXPECT_THROW(images_in(*members), Error) << manifest;
    }
}

}  // namespace
}  // namespace stack::image
