// Images on their way: what workers say, what is made of it, and how workers are run. The workers are small shell
// scripts that print event lines.
#include "manager/cli/terminal.hpp"
#include "manager/cli/transfer/transfer_frame.hpp"
#include "manager/cli/transfer/worker_pool.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/temp_root.hpp"

#include <signal.h>
#include <unistd.h>

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = TransferRow::State;

constexpr std::uint64_t kMega = 1'000'000;

// ---- event lines ----

TEST(WorkerEvents, AreReadFromLines) {
    EXPECT_EQ(std::get<LayerEvent>(*parse_worker_event(
                  R"({"event":"layer","id":"8a1e","state":"downloading","done":5,"total":9})")),
              (LayerEvent{"8a1e", LayerState::downloading, 5, 9}));
    EXPECT_EQ(std::get<NoteEvent>(*parse_worker_event(R"({"event":"retry","message":"429","in":7})")),
              (NoteEvent{"429", 7s}));
    const auto result = std::get<ImageResult>(*parse_worker_event(
        R"({"event":"result","reference":"redis:7","id":"sha256:ab","size":9,"layers":2,"changed":false,"downloaded":3})"));
    EXPECT_EQ(result.transferred, 3u);
    EXPECT_FALSE(result.changed);
    const auto error = std::get<Error>(*parse_worker_event(
        R"({"event":"error","kind":"not-found","message":"no such tag","context":["a","b"],"hint":"look"})"));
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_THAT(error.context(), ElementsAre("a", "b"));
}

TEST(WorkerEvents, OfANewerWorkerArePassedOver) {
    EXPECT_EQ(parse_worker_event(R"({"event":"weather"})"), std::nullopt);
    EXPECT_EQ(parse_worker_event(R"({"event":"layer","id":"1","state":"levitating"})"), std::nullopt);
}

TEST(WorkerEvents, ThatAreNoneAreAnErrorOfThisProgram) {
    for (const char* line : {"", "{", "[]", R"({"event":"layer","state":7})",
                             R"({"event":"layer","state":"waiting","done":"x"})"}) {
        try {
            parse_worker_event(line);
            ADD_FAILURE() << line;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::internal) << line;
        }
    }
}

// ---- the board ----

TEST(Rate, IsThatOfTheLastSeconds) {
    RateWindow window;
    EXPECT_EQ(window.bytes_per_second(0ms), 0u);
    for (int i = 0; i <= 100; ++i) window.add(i * 100ms, static_cast<std::uint64_t>(i) * kMega);
    EXPECT_EQ(window.bytes_per_second(10s), 10 * kMega);
    EXPECT_EQ(window.bytes_per_second(15s), 0u);  // nothing has come for five seconds
}

TEST(Rate, IsNotToldFromNothing) {
    RateWindow window;
    window.add(0ms, 0);
    window.add(100ms, kMega);
    EXPECT_EQ(window.bytes_per_second(100ms), 0u);
}

TEST(TransferRows, CountOnlyWhatMoves) {
    TransferRow row;
    apply_event(row, LayerEvent{"a", LayerState::present, 0, 5}, 0ms);
    apply_event(row, LayerEvent{"b", LayerState::waiting, 0, 10}, 0ms);
    apply_event(row, LayerEvent{"c", LayerState::downloading, 3, 20}, 0ms);
    EXPECT_EQ(row.total_bytes(), 30u);
    EXPECT_EQ(row.moved_bytes(), 3u);
    apply_event(row, LayerEvent{"c", LayerState::done, 0, 20}, 0ms);
    EXPECT_EQ(row.moved_bytes(), 20u);
    EXPECT_EQ(row.finished_layers(), 2u);
}

// ---- frames ----

TransferRow row_of(const char* subject, State state, const char* word, const char* detail = "") {
    TransferRow row;
    row.subject = subject;
    row.state = state;
    row.word = word;
    row.detail = detail;
    return row;
}

std::vector<TransferRow> some_rows() {
    std::vector<TransferRow> rows{
        row_of("Image redis:7", State::done, "Pulled", "41.3MB in 3.2s"),
        row_of("Image postgres:16", State::working, "Pulling"),
        row_of("Image busy:1", State::working, "Pulling", "too many requests; trying again in 30 s"),
        row_of("Image gone:1", State::failed, "Error"), row_of("Image nginx:1", State::waiting, "Waiting")};
    rows[0].ended = 3200ms;
    rows[3].ended = 400ms;
    TransferRow& postgres = rows[1];
    apply_event(postgres, LayerEvent{"8a1e25ce7c4f", LayerState::downloading, 0, 40 * kMega}, 0ms);
    apply_event(postgres, LayerEvent{"c1ec31eb5944", LayerState::present, 0, 7 * kMega}, 0ms);
    apply_event(postgres, LayerEvent{"5b9aa1ba93a7", LayerState::downloaded, 0, 60 * kMega}, 2000ms);
    apply_event(postgres, LayerEvent{"5b9aa1ba93a7", LayerState::unpacking, 30 * kMega, 60 * kMega}, 2100ms);
    apply_event(postgres, LayerEvent{"d91c5a3f8f1b", LayerState::waiting, 0, 20 * kMega}, 2200ms);
    apply_event(postgres, LayerEvent{"8a1e25ce7c4f", LayerState::downloading, 12 * kMega, 40 * kMega},
                4000ms);
    return rows;
}

std::string frame(const FrameStyle& style) {
    return join(render_transfers("Pulling", some_rows(), 4000ms, style), "\n") + "\n";
}

TEST(TransferFrame, ShowsImagesAndTheLayersOfThoseOnTheirWay) {
    EXPECT_TRUE(test::matches_golden("cli/transfer_frame.txt", frame({120, 24, false})));
}

TEST(TransferFrame, LeavesBarsOfImagesOutWhereNumbersNeedTheRoom) {
    EXPECT_TRUE(test::matches_golden("cli/transfer_frame_narrow.txt", frame({64, 24, false})));
}

TEST(TransferFrame, IsNeverLargerThanTheTerminal) {
    for (const std::size_t columns : {1u, 3u, 12u, 40u, 71u, 99u, 100u, 200u})
        for (const std::size_t height : {1u, 2u, 3u, 4u, 6u, 10u, 24u}) {
            const auto lines = render_transfers("Pulling", some_rows(), 4000ms, {columns, height, true});
            EXPECT_LE(lines.size(), std::max<std::size_t>(height, 3) - 1) << height;
            for (const std::string& line : lines) EXPECT_LE(display_width(line), columns) << line;
        }
}

TEST(TransferFrame, DropsFinishedLayersFirstAndFinishedImagesLast) {
    const auto lines = render_transfers("Pulling", some_rows(), 4000ms, {120, 8, false});
    ASSERT_EQ(lines.size(), 7u);
    const std::string text = join(lines, "\n");
    EXPECT_THAT(text, ::testing::Not(HasSubstr("c1ec31eb5944")));
    EXPECT_THAT(text, HasSubstr("8a1e25ce7c4f"));
    EXPECT_THAT(text, HasSubstr("Image gone:1"));
}

TEST(TransferFrame, DoesNotPassControlCharactersOn) {
    std::vector<TransferRow> rows{row_of("Image a\x1b[2J", State::working, "Pulling")};
    apply_event(rows[0], LayerEvent{"\x1b[1m", LayerState::downloading, 1, 2}, 0ms);
    for (const std::string& line : render_transfers("Pulling", rows, 0ms, {80, 24, false}))
        EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
}

TEST(ProgressBar, FillsInEighths) {
    EXPECT_EQ(progress_bar(0, 8, 3), "[ ]");
    EXPECT_EQ(progress_bar(3, 8, 3), "[▍]");
    EXPECT_EQ(progress_bar(8, 8, 4), "[██]");
    EXPECT_EQ(progress_bar(99, 8, 4), "[██]");
    EXPECT_EQ(progress_bar(5, 0, 4), "[  ]");
}

// ---- workers ----

class Workers : public ::testing::Test {
  protected:
    /// A job whose worker is this shell script.
    static WorkerJob job(const std::string& subject, const std::string& script) {
        return {
            {{"/bin/sh", "-c", script}, -1, -1}, "Image " + subject, "cannot pull image \"" + subject + "\""};
    }
    /// Runs the jobs with a pipe as stderr; what was shown is in `shown`.
    PoolResult run(const std::vector<WorkerJob>& jobs, ProgressMode mode = ProgressMode::plain,
                   std::size_t at_once = kWorkersAtOnce) {
        Pipe pipe = make_pipe();
        std::vector<std::string> subjects;
        for (const WorkerJob& each : jobs) subjects.push_back(each.subject);
        PoolResult result;
        {
            const auto display = TransferDisplay::make(mode, Terminal{pipe.write.get(), false, false},
                                                       {"Pulling", "Pulled"}, subjects);
            result = run_workers(jobs, *display, at_once);
        }
        pipe.write.reset();
        shown = read_all(pipe.read.get(), "pipe");
        return result;
    }
    std::string shown;
    test::TempDir dir;
};

constexpr const char* kPullsRedis = R"(
echo '{"event":"layer","id":"8a1e25ce7c4f","state":"downloading","done":1,"total":4}'
echo '{"event":"layer","id":"8a1e25ce7c4f","state":"done","done":4,"total":4}'
echo '{"event":"result","reference":"redis:7","id":"sha256:ab","size":9,"layers":1,"downloaded":4}')";
constexpr const char* kFindsNothing = R"(
echo '{"event":"error","kind":"not-found","message":"no such tag","context":["asking docker.io"]}'
exit 1)";

TEST_F(Workers, AreToldOfInPlainLines) {
    const PoolResult result = run({job("redis:7", kPullsRedis)});
    EXPECT_FALSE(result.failed());
    ASSERT_EQ(result.outcomes.at(0).results.size(), 1u);
    EXPECT_EQ(result.outcomes[0].results[0].reference, "redis:7");
    EXPECT_THAT(shown,
                ::testing::MatchesRegex(" Image redis:7  Pulling\n Image redis:7  Pulled  4B in [0-9.]+s\n"));
}

TEST_F(Workers, WithAnUnchangedImageSaySo) {
    run({job("redis:7", R"(echo '{"event":"result","reference":"redis:7","changed":false}')")});
    EXPECT_EQ(shown, " Image redis:7  Pulling\n Image redis:7  Pulled  up to date\n");
}

TEST_F(Workers, WarnAndWaitInPlainLines) {
    run({job("redis:7", R"(
echo '{"event":"warning","message":"no signature"}'
echo '{"event":"retry","message":"too many requests","in":30}'
echo '{"event":"result","reference":"redis:7","changed":false}')")});
    EXPECT_EQ(shown,
              " Image redis:7  Pulling\nwarning: Image redis:7: no signature\n"
              " Image redis:7  Waiting  too many requests; trying again in 30 s\n"
              " Image redis:7  Pulled  up to date\n");
}

TEST_F(Workers, AreToldOfInJsonLines) {
    run({job("redis:7", kPullsRedis)}, ProgressMode::json);
    EXPECT_THAT(
        split(shown, '\n'),
        ElementsAre(
            R"({"id":"Image redis:7","state":"working","status":"Pulling"})",
            R"({"current":1,"id":"8a1e25ce7c4f","parent_id":"Image redis:7","percent":25,"state":"working","status":"Downloading","total":4})",
            R"({"current":4,"id":"8a1e25ce7c4f","parent_id":"Image redis:7","percent":100,"state":"done","status":"Done","total":4})",
            HasSubstr(R"("status":"Pulled")"), ""));
}

TEST_F(Workers, QuietOnesOnlyWarn) {
    run({job("redis:7", kPullsRedis), job("b", R"(echo '{"event":"warning","message":"old"}')")},
        ProgressMode::quiet);
    EXPECT_EQ(shown, "warning: Image b: old\n");
}

TEST_F(Workers, LiveOnesLeaveTheCursorVisible) {
    run({job("redis:7", kPullsRedis)}, ProgressMode::tty);
    EXPECT_THAT(shown, ::testing::StartsWith("\x1b[?25l"));
    EXPECT_THAT(shown, HasSubstr("Pulled"));
    EXPECT_THAT(shown, ::testing::EndsWith("\x1b[?25h"));
}

TEST_F(Workers, ThatFailDoNotStopTheOthers) {
    const PoolResult result = run({job("gone:1", kFindsNothing), job("redis:7", kPullsRedis)});
    ASSERT_TRUE(result.outcomes[0].error);
    EXPECT_EQ(result.outcomes[0].error->kind(), ErrorKind::not_found);
    EXPECT_THAT(result.outcomes[0].error->context(),
                ElementsAre("cannot pull image \"gone:1\"", "asking docker.io"));
    EXPECT_FALSE(result.outcomes[1].error);
    EXPECT_THAT(shown, HasSubstr(" Image gone:1  Error\n"));
}

TEST_F(Workers, ThatDieWithoutAWordAreAnError) {
    const PoolResult result = run({job("a", "exit 3"), job("b", "kill -9 $$")});
    EXPECT_EQ(result.outcomes[0].error->message(), "the image worker ended with status 3");
    EXPECT_EQ(result.outcomes[1].error->message(), "the image worker was ended by signal 9");
}

TEST_F(Workers, RunSoManyAtATime) {
    // Each worker waits for its partner: only two beside each other can end.
    const std::string meet = R"(touch "$0/$1"; while [ ! -e "$0/$2" ]; do sleep 0.01; done)";
    std::vector<WorkerJob> jobs;
    for (const auto& [own, other] : {std::pair{"a", "b"}, {"b", "a"}, {"c", "d"}, {"d", "c"}})
        jobs.push_back({{{"/bin/sh", "-c", meet, dir.path(), own, other}, -1, -1}, own, own});
    EXPECT_FALSE(run(jobs, ProgressMode::quiet, 2).failed());
}

// The signal comes from the worker itself, once it is ready for its own: nothing depends on time.
constexpr const char* kInterruptsItsParent = R"(
trap 'echo "{\"event\":\"error\",\"kind\":\"cancelled\",\"message\":\"interrupted\"}"; exit 130' INT
kill -INT $PPID
while :; do sleep 0.01; done)";

TEST_F(Workers, AreInterruptedAndWaitedFor) {
    const PoolResult result =
        run({job("redis:7", kInterruptsItsParent), job("late", kPullsRedis)}, ProgressMode::plain, 1);
    EXPECT_EQ(result.signal, SIGINT);
    EXPECT_EQ(result.outcomes[0].error->kind(), ErrorKind::cancelled);
    EXPECT_EQ(shown, " Image redis:7  Pulling\n Image redis:7  Interrupted\n");  // `late` was not begun
}

TEST_F(Workers, AreKilledByTheSecondSignal) {
    const PoolResult result = run({job("stubborn", R"(
trap '' TERM
trap 'kill -TERM $PPID' INT
kill -INT $PPID
while :; do sleep 0.01; done)")});
    EXPECT_EQ(result.signal, SIGINT);
    EXPECT_EQ(result.outcomes[0].error->message(), "the image worker was ended by signal 9");
}

TEST_F(Workers, ThatCannotBeStartedAreAnError) {
    EXPECT_THROW(run({{{{dir.file("missing")}, -1, -1}, "a", "a"}}), Error);
}

}  // namespace
}  // namespace stack::cli
