// Lines out of log files.
#include "runtime/base/error.hpp"
#include "tests/support/written_log.hpp"

#include <sys/stat.h>

#include <fstream>

#include <gtest/gtest.h>

namespace stack::logs {
namespace {

using test::WrittenLog;
using Lines = std::vector<std::string>;

LogReadOptions tail(std::size_t lines) {
    LogReadOptions options;
    options.tail = lines;
    return options;
}
LogReadOptions following() {
    LogReadOptions options;
    options.follow = true;
    return options;
}

TEST(LogReader, AnAbsentLogIsEmpty) {
    EXPECT_TRUE(
        WrittenLog::read(*std::make_unique<LogReader>("/nonexistent", "web", LogReadOptions{})).empty());
}

TEST(LogReader, PutsLinesTogetherPerStream) {
    WrittenLog log;
    log.out("one\ntw", 10);
    log.err("warn", 20);
    log.out("o\nthree\n", 30);
    log.err("ing\n", 40);
    log.out("rest", 50);
    EXPECT_EQ(log.read(), (Lines{"o:one", "o:two", "o:three", "e:warning", "o:rest~"}));
}

TEST(LogReader, GivesEmptyLinesAndBytesOfAnyKind) {
    WrittenLog log;
    log.out(std::string_view{"\n\n\0\xff\r\n", 6}, 10);
    EXPECT_EQ(log.read(), (Lines{"o:", "o:", std::string{"o:\0\xff\r", 5}}));
}

TEST(LogReader, TimesAreThoseOfTheLinesEnd) {
    WrittenLog log;
    log.out("a\nb", 10);
    log.out("b\n", 70);
    LogReader reader{log.directory, "web", {}};
    EXPECT_EQ(reader.next()->time_ns, 10'000'000);
    EXPECT_EQ(reader.next()->time_ns, 70'000'000);
}

TEST(LogReader, AnEndMarkFinishesALineSoThatTheNextRunStartsANewOne) {
    WrittenLog log;
    log.out("bye", 10);
    log.err("half", 11);
    log.writer->mark_end(LogStream::out, 12'000'000);
    log.reopen();
    log.out("hello\n", 20);
    log.err(" and half\n", 21);
    EXPECT_EQ(log.read(), (Lines{"o:bye~", "o:hello", "e:half and half"}));
    EXPECT_EQ(log.read(tail(3)), (Lines{"o:bye~", "o:hello", "e:half and half"}));
    EXPECT_EQ(log.read(tail(2)), (Lines{"o:hello", "e:half and half"}));
}

TEST(LogReader, TailGivesTheLastLinesWholeThoughStreamsMix) {
    WrittenLog log;
    log.out("1\n2\nbegun ", 10);
    log.err("3\n", 20);
    log.out("before 4\n5\n", 30);
    log.err("6", 40);
    const Lines all{"o:1", "o:2", "e:3", "o:begun before 4", "o:5", "e:6~"};
    EXPECT_EQ(log.read(), all);
    for (std::size_t n = 0; n <= 7; ++n)
        EXPECT_EQ(log.read(tail(n)),
                  Lines(all.end() - static_cast<long>(std::min<std::size_t>(n, 6)), all.end()))
            << n;
}

TEST(LogReader, TailOfTwoUnfinishedLinesKeepsTheLater) {
    WrittenLog log;
    log.out("x\nout", 10);
    log.err("err", 20);
    EXPECT_EQ(log.read(tail(2)), (Lines{"o:out~", "e:err~"}));
    EXPECT_EQ(log.read(tail(1)), (Lines{"e:err~"}));
}

TEST(LogReader, TailLooksBackOverBlocksAndGenerations) {
    WrittenLog log{300'000, 4};
    Lines all;
    for (int i = 0; i < 9000; ++i) {
        const std::string text =
            "line " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 150), '.');
        log.out(text + '\n', i);
        all.push_back("o:" + text);
    }
    EXPECT_GT(list_generations(log.directory, "web").size(), 2u);
    for (const std::size_t n : {1u, 999u, 5000u})
        EXPECT_EQ(log.read(tail(n)), Lines(all.end() - static_cast<long>(n), all.end()));
}

TEST(LogReader, SinceAndUntilCutByTime) {
    WrittenLog log;
    for (int i = 1; i <= 5; ++i) log.out(std::to_string(i) + "\nx", i * 100);
    LogReadOptions options;
    options.since_ns = 200'000'000;
    options.until_ns = 400'000'000;
    EXPECT_EQ(log.read(options), (Lines{"o:x2", "o:x3", "o:x4", "o:x~"}));
    options.tail = 2;
    EXPECT_EQ(log.read(options), (Lines{"o:x4", "o:x~"}));
    options = {};
    options.since_ns = 900'000'000;
    EXPECT_EQ(log.read(options), (Lines{}));
}

TEST(LogReader, LongLinesComeInPieces) {
    WrittenLog log{64 << 20, 2};
    log.out(std::string(kMaxLineBytes + kMaxLineBytes / 2, 'a') + "\nb\n", 10);
    LogReader reader{log.directory, "web", {}};
    const auto first = reader.next();
    EXPECT_TRUE(first->partial);
    EXPECT_EQ(first->text.size(), kMaxLineBytes);
    const auto second = reader.next();
    EXPECT_FALSE(second->partial);
    EXPECT_EQ(second->text.size(), kMaxLineBytes / 2);
    EXPECT_EQ(reader.next()->text, "b");
}

TEST(LogReader, FollowsGrowthRotationAndAnotherWriter) {
    WrittenLog log{1000, 50};
    LogReader reader{log.directory, "web", following()};
    Lines all, read;
    const auto more = [&] {
        for (std::string& line : WrittenLog::read(reader)) read.push_back(std::move(line));
    };
    for (int i = 0; i < 500; ++i) {
        log.write(i % 3 ? LogStream::out : LogStream::err, std::to_string(i) + '\n', i / 7);
        all.push_back((i % 3 ? "o:" : "e:") + std::to_string(i));
        if (i % 5 == 0) more();
        if (i % 11 == 0) log.reopen();
    }
    log.out("unfinished", 1000);
    more();
    EXPECT_EQ(read, all);
    EXPECT_EQ(reader.skipped_generations(), 0u);
    reader.stop_following();
    EXPECT_EQ(WrittenLog::read(reader), (Lines{"o:unfinished~"}));
}

TEST(LogReader, FollowFromTheEndSeesWhatGoesIntoTheSameEntry) {
    WrittenLog log;
    log.out("old\nbeg", 10);
    LogReadOptions options = following();
    options.tail = 0;
    LogReader reader{log.directory, "web", options};
    EXPECT_EQ(WrittenLog::read(reader), (Lines{}));
    log.out("un\nnew\n", 10);  // within the grain of the index
    EXPECT_EQ(WrittenLog::read(reader), (Lines{"o:begun", "o:new"}));
}

TEST(LogReader, FollowsALogThatDoesNotExistYet) {
    WrittenLog log;
    LogReader reader{log.directory, "later", following()};
    EXPECT_FALSE(reader.next());
    LogTarget target = log.target;
    target.name = "later";
    log.target = target;
    log.reopen();
    log.out("here\n", 1);
    EXPECT_EQ(WrittenLog::read(reader), (Lines{"o:here"}));
}

TEST(LogReader, SaysHowMuchRotationTookAwayUnread) {
    WrittenLog log{1000, 2};
    LogReader reader{log.directory, "web", following()};
    EXPECT_FALSE(reader.next());
    for (int i = 0; i < 1000; ++i) log.out("0123456789\n", i);
    const Lines read = WrittenLog::read(reader);
    EXPECT_LT(read.size(), 400u);
    EXPECT_GT(reader.skipped_generations(), 5u);
}

TEST(LogReader, ReadsTextWhoseIndexIsGone) {
    WrittenLog log;
    log.out("a\nb\n", 1);
    ::unlink((log.directory + "/web.0.idx").c_str());
    EXPECT_EQ(log.read(), (Lines{"o:a", "o:b"}));
}

TEST(LogReader, SurvivesADamagedIndex) {
    WrittenLog log;
    for (int i = 0; i < 100; ++i) log.out("line\n", i * 10);
    const std::string path = log.directory + "/web.0.idx";
    for (int round = 0; round < 200; ++round) {
        {
            std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
            file.seekp(16 + round * 7919 % 1600);
            file.put(static_cast<char>(round * 31));
        }
        EXPECT_LE(log.read().size(), 220u);
        EXPECT_LE(log.read(tail(3)).size(), 103u);
    }
}

TEST(MergedReader, SortsByTimeAndKeepsEachLogsOrder) {
    WrittenLog a, b;
    a.out("a1\na2\n", 10);
    b.out("b1\n", 20);
    a.out("a3\n", 30);
    b.out("b2\nb3\n", 30);
    MergedReader reader{{}};
    EXPECT_EQ(reader.add({a.directory, "web"}), 0u);
    EXPECT_EQ(reader.add({b.directory, "web"}), 1u);
    Lines read;
    while (const auto line = reader.next())
        read.push_back(std::to_string(line->source) + std::string{line->line.text});
    EXPECT_EQ(read, (Lines{"0a1", "0a2", "1b1", "0a3", "1b2", "1b3"}));
}

TEST(MergedReader, WakesWhenAFollowedLogGrows) {
    WrittenLog a, b;
    LogReadOptions options = following();
    MergedReader reader{options};
    reader.add({a.directory, "web"});
    reader.add({b.directory, "web"});
    EXPECT_FALSE(reader.next());
    reader.wait(0);
    EXPECT_FALSE(reader.wait(0));
    b.out("news\n", 10);
    EXPECT_TRUE(reader.wait(5000));
    const auto line = reader.next();
    ASSERT_TRUE(line);
    EXPECT_EQ(line->source, 1u);
    EXPECT_EQ(line->line.text, "news");
}

TEST(LogFiles, KnowTheirNames) {
    EXPECT_EQ(generation_of("web.0.log", "web"), 0u);
    EXPECT_EQ(generation_of("web.17.log", "web"), 17u);
    for (const char* other : {"web.017.log", "web.log", "web..log", "web.1.idx", "web.1.log.gz", "web.1x.log",
                              "webb.1.log", "web.99999999999999999999.log", "web.-1.log"})
        EXPECT_FALSE(generation_of(other, "web")) << other;
    EXPECT_EQ(generation_of("a.1.2.log", "a.1"), 2u);
    EXPECT_FALSE(generation_of("a.1.2.log", "a"));
}

}  // namespace
}  // namespace stack::logs
