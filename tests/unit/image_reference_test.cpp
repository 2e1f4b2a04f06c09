#include "runtime/base/error.hpp"
#include "runtime/image/reference.hpp"

#include <gtest/gtest.h>

namespace stack {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string full(std::string_view text) {
    return ImageReference::parse(text).full();
}
std::string familiar(std::string_view text) {
    return ImageReference::parse(text).familiar();
}

TEST(ImageReference, CompletesAShortNameAsDockerDoes) {
    EXPECT_EQ(full("redis"), "docker.io/library/redis:latest");
    EXPECT_EQ(full("redis:7"), "docker.io/library/redis:7");
    EXPECT_EQ(full("guestbook/app"), "docker.io/guestbook/app:latest");
    EXPECT_EQ(full("index.docker.io/library/redis"), "docker.io/library/redis:latest");
}

TEST(ImageReference, TellsARegistryFromAFolderOfNames) {
    EXPECT_EQ(full("localhost/app"), "localhost/app:latest");
    EXPECT_EQ(full("registry.example/app"), "registry.example/app:latest");
    EXPECT_EQ(full("registry:5000/team/app:1"), "registry:5000/team/app:1");
    EXPECT_EQ(full("[::1]:5000/app"), "[::1]:5000/app:latest");
    EXPECT_EQ(full("team/app"), "docker.io/team/app:latest");
}

TEST(ImageReference, ShowsTheFamiliarForm) {
    EXPECT_EQ(familiar("docker.io/library/redis:7"), "redis:7");
    EXPECT_EQ(familiar("docker.io/team/app"), "team/app:latest");
    EXPECT_EQ(familiar("registry.example/app"), "registry.example/app:latest");
    EXPECT_EQ(familiar("redis@" + kDigest), "redis@" + kDigest);
    // Shortened further, it would name another image.
    EXPECT_EQ(familiar("docker.io/library/team/app"), "library/team/app:latest");
}

TEST(ImageReference, ParsesWhatItPrints) {
    for (const char* text : {"redis", "a/b/c:1", "localhost:5000/x_y.z-1:V2", "docker.io/library/a/b"}) {
        const ImageReference reference = ImageReference::parse(text);
        EXPECT_EQ(ImageReference::parse(reference.full()), reference) << text;
        EXPECT_EQ(ImageReference::parse(reference.familiar()), reference) << text;
    }
}

TEST(ImageReference, KeepsTagAndDigestApart) {
    const ImageReference reference = ImageReference::parse("redis:7@" + kDigest);
    EXPECT_EQ(reference.tag, "7");
    EXPECT_EQ(reference.digest, kDigest);
}

TEST(ImageReference, RefusesWhatIsNoReference) {
    const std::vector<std::string> bad{"",
                                       "Redis",
                                       "redis:",
                                       "redis:-x",
                                       "a//b",
                                       "/a",
                                       "a/",
                                       "../a",
                                       "a/../b",
                                       "redis@sha256:1",
                                       "a b",
                                       "a_-b",
                                       "-host.example/a",
                                       "host:port/a",
                                       "redis:" + std::string(129, 'x'),
                                       std::string(300, 'a')};
    for (const std::string& text : bad) {
        EXPECT_THROW(ImageReference::parse(text), Error) << text;
    }
}

TEST(ImageDigest, IsSafeAsAFileName) {
    EXPECT_EQ(digest_hex(kDigest), std::string(64, 'a'));
    for (const std::string& text : {std::string{"sha256:../../etc/passwd"}, "sha256:" + std::string(64, 'A'),
                                    "sha512:" + std::string(64, 'a'), "sha256:" + std::string(63, 'a') + "/"})
        EXPECT_THROW(static_cast<void>(digest_hex(text)), Error) << text;
}

TEST(ImageReference, AFamiliarNameNeverMeansAnotherRegistry) {
    const ImageReference reference = ImageReference::parse("docker.io/ghcr.io/a/b:1");
    EXPECT_EQ(reference.familiar(), "docker.io/ghcr.io/a/b:1");
    EXPECT_EQ(ImageReference::parse(reference.familiar()), reference);
    EXPECT_EQ(ImageReference::parse("docker.io/localhost/a").familiar_repository(), "docker.io/localhost/a");
}

}  // namespace
}  // namespace stack
