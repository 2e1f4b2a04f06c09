// What the writing side leaves on disk: index, rotation, recovery.
#include "runtime/base/error.hpp"
#include "tests/support/written_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include <gtest/gtest.h>

namespace stack::logs {
namespace {

using test::WrittenLog;
using Lines = std::vector<std::string>;

std::size_t index_entries(const WrittenLog& log, int generation = 0) {
    struct stat info {};
    EXPECT_EQ(
        ::stat((log.directory + '/' + index_file_name("web", static_cast<std::uint64_t>(generation))).c_str(),
               &info),
        0);
    EXPECT_EQ(info.st_size % 16, 0);
    return static_cast<std::size_t>(info.st_size) / 16 - 1;
}

void append(const std::string& path, std::string_view bytes) {
    std::ofstream{path, std::ios::app | std::ios::binary} << bytes;
}

TEST(LogWriter, ChunksOfOneStreamWithinAMillisecondShareAnEntry) {
    WrittenLog log;
    for (int i = 0; i < 100; ++i) log.out("x\n", 5);
    EXPECT_EQ(index_entries(log), 1u);
    log.err("y\n", 5);
    log.out("z\n", 5);
    log.out("z\n", 9);
    EXPECT_EQ(index_entries(log), 4u);
}

TEST(LogWriter, AnAnnouncementWithoutBytesIsReplaced) {
    WrittenLog log;
    log.out("a\n", 1);
    log.writer->announce(LogStream::err, 5'000'000);
    log.writer->announce(LogStream::out, 9'000'000);
    log.reopen();
    log.writer->announce(LogStream::err, 12'000'000);
    log.err("b\n", 15);
    EXPECT_EQ(index_entries(log), 2u);
    EXPECT_EQ(log.read(), (Lines{"o:a", "e:b"}));
}

TEST(LogWriter, KeepsAtMostSizeTimesFiles) {
    WrittenLog log{10'000, 3};
    for (int i = 0; i < 20'000; ++i) log.out("0123456789\n", i);
    const auto generations = list_generations(log.directory, "web");
    EXPECT_EQ(generations.size(), 3u);
    std::uint64_t total = 0;
    for (const std::uint64_t n : generations) {
        struct stat info {};
        ASSERT_EQ(::stat((log.directory + '/' + log_file_name("web", n)).c_str(), &info), 0);
        EXPECT_LE(info.st_size, 10'000);
        EXPECT_EQ(info.st_size % 11, 0) << "rotation cut a line";
        total += static_cast<std::uint64_t>(info.st_size);
    }
    EXPECT_GT(total, 20'000u);
    EXPECT_EQ(list_directory(log.directory).size(), 6u);  // nothing else is left
}

TEST(LogWriter, CutsALineThatIsLargerThanAFileAndTheReaderJoinsIt) {
    WrittenLog log{1000, 10};
    const std::string line(3500, 'x');
    log.out(line + "\nend\n", 1);
    EXPECT_EQ(list_generations(log.directory, "web").size(), 4u);
    EXPECT_EQ(log.read(), (Lines{"o:" + line, "o:end"}));
}

TEST(LogWriter, RemovesOldGenerationsWhenFewerAreWanted) {
    WrittenLog log{1000, 9};
    for (int i = 0; i < 1000; ++i) log.out("0123456789\n", i);
    log.target.max_files = 2;
    log.reopen();
    EXPECT_EQ(list_generations(log.directory, "web").size(), 2u);
}

TEST(LogWriter, GoesOnAfterATornIndexEntry) {
    WrittenLog log;
    log.out("a\n", 1);
    append(log.directory + "/web.0.idx", "torn");
    log.reopen();
    log.err("b\n", 2);
    EXPECT_EQ(index_entries(log), 2u);
    EXPECT_EQ(log.read(), (Lines{"o:a", "e:b"}));
}

TEST(LogWriter, DropsEntriesOfBytesThatNeverCame) {
    WrittenLog log;
    log.out("a\n", 1);
    log.err("lost in a power cut\n", 2);
    log.out("as well\n", 3);
    ASSERT_EQ(::truncate((log.directory + "/web.0.log").c_str(), 2), 0);
    log.reopen();
    log.err("b\n", 4);
    EXPECT_EQ(log.read(), (Lines{"o:a", "e:b"}));
}

TEST(LogWriter, GivesAnIndexToBytesThatLostTheirs) {
    WrittenLog log;
    log.out("a\n", 1);
    ASSERT_EQ(::truncate((log.directory + "/web.0.idx").c_str(), 3), 0);
    log.reopen();
    log.err("b\n", 2);
    EXPECT_EQ(index_entries(log), 2u);
    EXPECT_EQ(log.read(), (Lines{"o:a", "e:b"}));
}

TEST(LogWriter, TimeNeverGoesBack) {
    WrittenLog log;
    log.out("a\n", 100);
    log.out("b\n", 50);
    log.reopen();
    log.err("c\n", 10);
    LogReader reader{log.directory, "web", {}};
    for (int i = 0; i < 3; ++i) EXPECT_EQ(reader.next()->time_ns, 100'000'000);
}

TEST(LogWriter, ALeftoverIndexOfAnUnbornGenerationIsHarmless) {
    WrittenLog log{100, 5};
    append(log.directory + "/web.1.idx", std::string(64, 'x'));
    for (int i = 0; i < 20; ++i) log.out("0123456789\n", i);
    EXPECT_EQ(log.read().size(), 20u);
}

TEST(LogFiles, RemoveTakesEveryFileOfTheLogAndNoOther) {
    WrittenLog log{100, 5};
    for (int i = 0; i < 20; ++i) log.out("0123456789\n", i);
    append(log.directory + "/web2.0.log", "x");
    remove_log(log.directory, "web");
    EXPECT_EQ(list_directory(log.directory), (Lines{"web2.0.log"}));
    remove_log(log.directory, "web");
    remove_log("/nonexistent", "web");
}

}  // namespace
}  // namespace stack::logs
