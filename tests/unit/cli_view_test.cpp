// What users see: progress frames, log lines, errors.
#include "manager/cli/diagnostics.hpp"
#include "manager/cli/event_stream.hpp"
#include "manager/cli/log_printer.hpp"
#include "manager/cli/progress.hpp"
#include "manager/cli/terminal.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/golden.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using Look = ProgressRow::Look;

std::vector<ProgressRow> some_rows() {
    return {{Look::done, "Network shop_default", "Created", "", 0ms, 20ms},
            {Look::done, "Container shop-db-1", "Healthy", "", 20ms, 1240ms},
            {Look::working, "Container shop-web-1", "Starting", "", 1240ms, 1240ms},
            {Look::failed, "Container shop-job-1", "Error", "exited (3)", 30ms, 90ms}};
}

TEST(ProgressFrame, ShowsSignsWordsAndTimes) {
    const std::string frame =
        join(render_frame("Running", some_rows(), 1540ms, {64, 24, false}), "\n") + "\n";
    EXPECT_TRUE(test::matches_golden("cli/progress_frame.txt", frame));
}

TEST(ProgressFrame, FitsNarrowTerminals) {
    for (const std::size_t columns : {1u, 2u, 5u, 12u, 30u, 47u})
        for (const std::string& line : render_frame("Running", some_rows(), 1540ms, {columns, 24, true}))
            EXPECT_LE(display_width(line), columns) << line;
}

TEST(ProgressFrame, KeepsUnfinishedAndFailedRowsWhenTheTerminalIsLow) {
    const std::vector<std::string> lines = render_frame("Running", some_rows(), 1540ms, {64, 4, false});
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_THAT(lines[0], ::testing::HasSubstr("3/4"));
    EXPECT_THAT(lines[1], ::testing::HasSubstr("shop-web-1"));
    EXPECT_THAT(lines[2], ::testing::HasSubstr("shop-job-1"));
}

TEST(ProgressFrame, DoesNotPassControlCharactersOn) {
    const std::vector<ProgressRow> rows{{Look::done, "Container a\x1b[2J", "Created", "x\ny", 0ms, 0ms}};
    for (const std::string& line : render_frame("Running", rows, 0ms, {80, 24, false}))
        EXPECT_EQ(line.find_first_of("\x1b\n"), std::string::npos) << line;
}

/// Runs `act` with a pipe as stderr and returns what arrived there.
std::string written_by(ProgressMode mode, const std::function<void(Progress&)>& act) {
    Pipe pipe = make_pipe();
    {
        const Terminal err{pipe.write.get(), false, false};
        const std::unique_ptr<Progress> progress = Progress::make(mode, err, "Running");
        act(*progress);
    }
    pipe.write.reset();
    return read_all(pipe.read.get(), "pipe");
}

void two_steps(Progress& progress) {
    progress.update({"Container x-web-1", "Creating", ""});
    progress.note("warning: something");
    progress.update({"Container x-web-1", "Created", ""});
    progress.finish();
}

TEST(Progress, PlainModeWritesOneLineAStep) {
    const std::string expected =
        " Container x-web-1  Creating\nwarning: something\n Container x-web-1  Created\n";
    EXPECT_EQ(written_by(ProgressMode::plain, two_steps), expected);
    EXPECT_EQ(written_by(ProgressMode::automatic, two_steps), expected);  // a pipe is no terminal
}

TEST(Progress, QuietModeShowsOnlyNotes) {
    EXPECT_EQ(written_by(ProgressMode::quiet, two_steps), "warning: something\n");
}

TEST(Progress, JsonModeWritesOneObjectALine) {
    EXPECT_EQ(written_by(ProgressMode::json, two_steps),
              "{\"id\":\"Container x-web-1\",\"state\":\"working\",\"status\":\"Creating\"}\n"
              "{\"message\":\"warning: something\"}\n"
              "{\"id\":\"Container x-web-1\",\"state\":\"done\",\"status\":\"Created\"}\n");
}

TEST(Progress, LiveModeShowsTheCursorAgainHoweverItEnds) {
    const std::string unfinished = written_by(ProgressMode::tty, [](Progress& p) {
        p.update({"Container x-web-1", "Creating", ""});
    });
    EXPECT_THAT(unfinished, ::testing::StartsWith("\x1b[?25l"));
    EXPECT_THAT(unfinished, ::testing::EndsWith("\x1b[?25h"));
}

TEST(LogFormatter, PadsNamesToTheLongestPlusOne) {
    LogFormatter formatter{{false, true, false}};
    const std::size_t web = formatter.add("web-1"), database = formatter.add("database-10");
    std::string text;
    formatter.append(text, web, "hello", 0);
    formatter.append(text, database, "", 0);
    EXPECT_EQ(text, "web-1        | hello\ndatabase-10  | \n");
}

TEST(LogFormatter, OneServiceLooksAsDocumented) {
    LogFormatter formatter{{false, true, false}};
    std::string text;
    formatter.append(text, formatter.add("web-1"), "hello", 0);
    EXPECT_EQ(text, "web-1  | hello\n");
}

TEST(LogFormatter, ColoursOnlyThePrefixRoundRobin) {
    LogFormatter formatter{{true, true, false}};
    std::string text;
    for (int i = 0; i < 11; ++i) formatter.add("c" + std::to_string(i + 10));
    formatter.append(text, 0, "x", 0);
    formatter.append(text, 1, "x", 0);
    formatter.append(text, 5, "x", 0);
    formatter.append(text, 10, "x", 0);
    EXPECT_EQ(text,
              "\x1b[36mc10  | \x1b[0mx\n\x1b[33mc11  | \x1b[0mx\n\x1b[36;1mc15  | \x1b[0mx\n\x1b[36mc20  | "
              "\x1b[0mx\n");
}

TEST(LogFormatter, TimestampsComeBeforeTheLine) {
    LogFormatter formatter{{false, false, true}};
    std::string text;
    formatter.append(text, formatter.add("web-1"), "hello", 1'767'323'045'000'000'006);
    EXPECT_EQ(text, "2026-01-02T03:04:05.000000006Z hello\n");
}

TEST(LogFormatter, ExitLinesSayWhetherItComesBack) {
    LogFormatter formatter{{}};
    const std::size_t web = formatter.add("web-1");
    EXPECT_EQ(formatter.exit_line(web, 3, false), "web-1 exited with code 3\n");
    EXPECT_EQ(formatter.exit_line(web, 0, true), "web-1 exited with code 0 (restarting)\n");
}

TEST(LogName, LeavesTheProjectOutUnlessTheNameWasGiven) {
    EXPECT_EQ(log_name("shop", "web", 2, "shop-web-2"), "web-2");
    EXPECT_EQ(log_name("shop", "web", 1, "my-own-name"), "my-own-name");
}

TEST(LogSink, KeepsTheOrderOfBothStreams) {
    Pipe both = make_pipe();
    LogSink sink{both.write.get(), both.write.get()};
    sink.buffer(false) += "1\n";
    sink.buffer(true) += "2\n";
    sink.buffer(false) += "3\n";
    sink.flush();
    both.write.reset();
    EXPECT_EQ(read_all(both.read.get(), "pipe"), "1\n2\n3\n");
}

class ErrorText : public ::testing::Test {
  protected:
    void SetUp() override {
        path_ = ::testing::TempDir() + "cli_error_" + std::to_string(::getpid()) + ".yaml";
        std::ofstream{path_} << "services:\n  web:\n    volumes:\n      - /srv/data:/var/lib/data\n";
    }
    void TearDown() override { std::filesystem::remove(path_); }
    std::string path_;
};

TEST_F(ErrorText, ShowsCausePurposePlaceAndWayOut) {
    Error error = Error::from_errno(ENOENT, "open /srv/data")
                      .add_context("mounting volume \"data\" on /var/lib/data")
                      .add_context("creating container shop-web-1")
                      .add_context("cannot start service \"web\"");
    error.at({path_, 4, 9}).with_hint("create the directory, or use a named volume");
    std::string text = render_error(error, false);
    text.replace(text.find(path_), path_.size(), "compose.yaml");
    EXPECT_TRUE(test::matches_golden("cli/error.txt", text));
}

TEST_F(ErrorText, ManagesWithoutTheFile) {
    const Error error = Error{ErrorKind::failed, "no"}.at({"/nonexistent/compose.yaml", 4, 9});
    EXPECT_EQ(render_error(error, false), "error: no\n/nonexistent/compose.yaml:4:9\n");
}

TEST_F(ErrorText, NeverReadsWhatIsNoRegularFile) {
    EXPECT_EQ(source_excerpt({"/dev/zero", 1, 1}, false), "");
}

TEST_F(ErrorText, IndentsTheLinesOfALongMessage) {
    EXPECT_EQ(render_error(Error{ErrorKind::failed, "a\nb\x1b[2J"}, false), "error: a\n  b\\x1b[2J\n");
}

control::ContainerSummary summary(const std::string& id, const std::string& status, int exit_code = 0) {
    return {"shop-web-1", id, "web", 1, status, exit_code, ""};
}

TEST(EventStream, TellsWhatHappenedBetweenTwoSupervisors) {
    EventStream events{"/nonexistent"};
    const auto actions = [&](const control::SnapshotEvent& snapshot) {
        std::vector<std::string> result;
        for (const control::ContainerEvent& event : events.take_snapshot(snapshot))
            result.push_back(event.action + " " + event.id + " " + std::to_string(event.exit_code));
        return result;
    };
    EXPECT_THAT(actions({{summary("a", "running")}}), ElementsAre("create a 0", "start a 0"));
    EXPECT_THAT(actions({{summary("a", "running")}}), ElementsAre());
    EXPECT_THAT(actions({{summary("a", "exited", 3), summary("b", "created")}}),
                ElementsAre("die a 3", "create b 0"));
    EXPECT_THAT(actions({{summary("b", "running")}}), ElementsAre("start b 0", "destroy a 3"));
    EXPECT_THAT(actions({}), ElementsAre("die b 0", "destroy b 0"));
}

TEST(Terminal, CountsColumnsNotBytes) {
    EXPECT_EQ(display_width("\x1b[32m✔\x1b[0m ü"), 3u);
    EXPECT_EQ(cut_to_width("abcdef", 4), "abc…");
    EXPECT_EQ(cut_to_width("äöüß", 4), "äöüß");
    EXPECT_EQ(cut_to_width("\x1b[32mabcdef\x1b[0m", 3), "\x1b[32mab…\x1b[0m");
}

}  // namespace
}  // namespace stack::cli
