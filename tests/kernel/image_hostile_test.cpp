// The corpus of hostile layers: each is brought in as an import does it (decompress, hash, unpack), beside a tree that must
// come out of it unchanged to the last attribute. What becomes of each, the folder it makes or the refusal that names the
// entry, is written down in tests/golden/image/hostile_layers.txt.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/layer_import.hpp"
#include "tests/kernel/image_hostile_cases.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/temp_root.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::image {
namespace {

using test::HostileCase;

std::string xattrs_of(const std::string& path) {
    std::array<char, 65536> names{}, value{};
    const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
    std::set<std::string> result;
    for (ssize_t at = 0; at < length;) {
        const std::string name{names.data() + at};
        at += static_cast<ssize_t>(name.size()) + 1;
        const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
        result.insert(fmt::format(" {}({} bytes)", name, size));
    }
    std::string text;
    for (const std::string& word : result) text += word;
    return text;
}

std::string content_shown(const std::string& path, off_t size) {
    if (size > 64) return fmt::format("{} bytes", size);
    return shown_name(read_file(path));
}

char type_letter(mode_t mode) {
    return S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? '-' : S_ISFIFO(mode) ? 'p' : '!';
}

// One line for each object below a folder, everything of it that an archive can say.
std::string picture(const std::string& root, const std::string& prefix = "") {
    std::string text;
    for (const std::string& name : list_directory(root)) {
        const std::string path = root + '/' + name, shown = prefix + name;
        struct stat info {};
        EXPECT_EQ(::lstat(path.c_str(), &info), 0);
        text += fmt::format("  {}{:04o} {}:{} {}", type_letter(info.st_mode), info.st_mode & 07777,
                            info.st_uid, info.st_gid, shown_name(shown));
        if (S_ISCHR(info.st_mode) && info.st_rdev == 0) text += " whiteout";
        if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) text += fmt::format(" {} names", info.st_nlink);
        if (S_ISREG(info.st_mode)) text += ' ' + content_shown(path, info.st_size);
        if (S_ISLNK(info.st_mode)) {
            std::array<char, 4096> target{};
            const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
            text +=
                " -> " + shown_name({target.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))});
        }
        // Not the time of folders that the archive did not describe; the far future ends where the file system says.
        if (info.st_mtim.tv_sec < 1'700'000'000) text += fmt::format(" time {}", info.st_mtim.tv_sec);
        if (info.st_mtim.tv_sec > 4'000'000'000) text += " in the far future";
        text += xattrs_of(path) + '\n';
        if (S_ISDIR(info.st_mode)) text += picture(path, shown + '/');
    }
    return text;
}

class HostileLayers : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root to own files";
        prepare_archive_locale();
        old_mask_ = ::umask(0);
    }
    void TearDown() override { ::umask(old_mask_); }

    // A layer's folder among siblings with everything that could be changed in them.
    static void make_surroundings(const test::TempDir& directory) {
        directory.write("outside/canary", "alive", 0640);
        directory.write("outside/folder/file", "alive");
        directory.write("canary", "alive");
        ASSERT_EQ(::symlink("outside/canary", directory.file("link").c_str()), 0);
        ASSERT_EQ(::mkfifo(directory.file("fifo").c_str(), 0600), 0);
        make_directories(directory.file("layer"));
        const std::array<timespec, 2> times{timespec{1000, 0}, timespec{1000, 0}};
        for (const char* name :
             {"outside/canary", "outside/folder/file", "outside/folder", "outside", "canary", "link"})
            ASSERT_EQ(::utimensat(AT_FDCWD, directory.file(name).c_str(), times.data(), AT_SYMLINK_NOFOLLOW),
                      0);
    }

    static std::string picture_of_surroundings(const test::TempDir& directory) {
        std::string text = picture(directory.path());
        // What is in the layer itself is the layer's own affair; that nothing beside it appears is not.
        std::string kept;
        for (std::size_t start = 0, end; (end = text.find('\n', start)) != std::string::npos;
             start = end + 1) {
            const std::string line = text.substr(start, end - start + 1);
            if (line.find("'layer") == std::string::npos) kept += line;
        }
        return kept;
    }

    static std::string outcome_of(const HostileCase& hostile, const test::TempDir& directory) {
        const std::string archive = hostile.archive();
        const UniqueFd folder = open_directory(directory.file("layer"));
        const test::TempDir elsewhere;
        const UniqueFd blob{
            ::open(elsewhere.file("blob").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
        LayerJob job;
        job.source = [&archive](const ByteSink& sink) { sink(std::as_bytes(std::span{archive})); };
        job.folder = folder.get();
        job.blob = blob.get();
        job.limits = hostile.limits;
        std::string warnings;
        job.warn = [&warnings](const std::string& sentence) { warnings += "  warning: " + sentence + '\n'; };
        try {
            const LayerOutcome outcome = import_layer(job);
            std::string text = picture(directory.file("layer"));
            for (const std::string& path : outcome.unpacked.opaque_folders)
                text += fmt::format("  opaque: {}\n", shown_name(path));
            return text + warnings;
        } catch (const Error& error) {
            return fmt::format("  refused: {}\n", error.what());
        }
    }

  private:
    mode_t old_mask_ = 0;
};

TEST_F(HostileLayers, EachChangesNothingOutsideAndHasTheOutcomeThatIsWrittenDown) {
    std::string all;
    std::set<std::string> names;
    for (const HostileCase& hostile : test::hostile_cases()) {
        SCOPED_TRACE(hostile.name);
        EXPECT_TRUE(names.insert(hostile.name).second) << "two cases of one name";
        const test::TempDir directory;
        make_surroundings(directory);
        const std::string before = picture_of_surroundings(directory);
        all += fmt::format("{}\n{}", hostile.name, outcome_of(hostile, directory));
        EXPECT_EQ(picture_of_surroundings(directory), before);
    }
    EXPECT_GE(names.size(), 140u);
    EXPECT_TRUE(test::matches_golden("image/hostile_layers.txt", all));
}

}  // namespace
}  // namespace stack::image
