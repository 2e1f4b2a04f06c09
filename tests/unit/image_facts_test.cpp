// What a store tells of images without opening them.
#include "runtime/image/image_facts.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/image_index.hpp"
#include "tests/support/temp_root.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

std::string digest_of(char digit) {
    return "sha256:" + std::string(64, digit);
}

class ImageFactsOfAStore : public ::testing::Test {
  protected:
    void SetUp() override { make_directories(store.paths().images); }
    void write_entries(const std::vector<Descriptor>& entries) const {
        write_store_index(store.paths(), Index{std::string{kOciIndexType}, entries, {}});
    }
    static Descriptor entry(char digit, const std::string& name, std::map<std::string, std::string> notes) {
        notes[std::string{kRefNameAnnotation}] = name;
        return {std::string{kOciManifestType}, digest_of(digit), 2, std::move(notes), {}};
    }
    test::TempDir dir;
    ImageStore store{dir.path()};
};

TEST_F(ImageFactsOfAStore, AreNoneInAnEmptyOne) {
    EXPECT_THAT(look_up_images(ImageStore{dir.file("none")}, {"redis:7"}), IsEmpty());
}

TEST_F(ImageFactsOfAStore, SayWhenAnImageWasLastKnownToBeNew) {
    write_entries({entry('a', "docker.io/library/redis:7",
                         {{"stack.added", "2025-01-01T00:00:00Z"}, {"stack.pulled", "2025-01-02T00:00:00Z"}}),
                   entry('b', "docker.io/library/own:latest", {{"stack.added", "2025-01-01T00:00:00Z"}})});
    const auto facts =
        look_up_images(store, {"redis:7", "docker.io/library/redis:7", "own", "gone:1", "Not A Name"});
    ASSERT_EQ(facts.size(), 3u);
    const auto added = facts.at("own").fetched;
    ASSERT_TRUE(added);
    EXPECT_EQ(facts.at("redis:7").digest, digest_of('a'));
    EXPECT_EQ(facts.at("redis:7").fetched, *added + 24h);
    EXPECT_EQ(facts.at("docker.io/library/redis:7"), facts.at("redis:7"));
}

TEST_F(ImageFactsOfAStore, KnowAnImageByTheDigestOfItsIndex) {
    write_entries({entry('a', "docker.io/library/redis:7", {{"stack.source", digest_of('c')}})});
    for (const char digit : {'a', 'c'})
        EXPECT_EQ(look_up_images(store, {"redis@" + digest_of(digit)}).size(), 1u) << digit;
    EXPECT_THAT(look_up_images(store, {"redis@" + digest_of('b')}), IsEmpty());
}

}  // namespace
}  // namespace stack
