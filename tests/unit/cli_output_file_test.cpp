// Where archives go: whole files under their names, or nothing.
#include "manager/cli/output_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/temp_root.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class OutputFiles : public ::testing::Test {
  protected:
    test::TempDir dir;
};

TEST_F(OutputFiles, AppearWhenTheyAreKept) {
    {
        OutputFile file{dir.file("a.tar"), 1};
        write_all(file.fd(), "archive", "file");
        EXPECT_FALSE(path_exists(dir.file("a.tar")));
        file.keep();
    }
    EXPECT_EQ(read_file(dir.file("a.tar")), "archive");
    EXPECT_THAT(list_directory(dir.path()), ElementsAre("a.tar"));
}

TEST_F(OutputFiles, ThatAreNotKeptLeaveTheOldOne) {
    dir.write("a.tar", "old");
    {
        OutputFile file{dir.file("a.tar"), 1};
        write_all(file.fd(), "half of", "file");
    }
    EXPECT_EQ(read_file(dir.file("a.tar")), "old");
    EXPECT_THAT(list_directory(dir.path()), ElementsAre("a.tar"));
}

TEST_F(OutputFiles, ThatArePipesAreWrittenToAsTheyAre) {
    ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
    const UniqueFd reader{::open(dir.file("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    {
        OutputFile file{dir.file("pipe"), 1};
        write_all(file.fd(), "archive", "pipe");
        file.keep();
    }
    EXPECT_EQ(read_all(reader.get(), "pipe"), "archive");
    EXPECT_THAT(list_directory(dir.path()), ElementsAre("pipe"));
}

TEST_F(OutputFiles, AreNotForTerminals) {
    const UniqueFd terminal{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    ASSERT_TRUE(terminal.valid());
    for (const char* path : {"", "-"}) {
        try {
            const OutputFile file{path, terminal.get()};
            ADD_FAILURE() << "an archive went to a terminal";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
        }
    }
}

TEST_F(OutputFiles, InAFolderThatIsMissingAreAnError) {
    EXPECT_THROW((OutputFile{dir.file("none/a.tar"), 1}), Error);
    EXPECT_THAT(list_directory(dir.path()), IsEmpty());
}

}  // namespace
}  // namespace stack::cli
