// The fetcher's end of a pipe: what must arrive does, what may be left out is left out whole.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/image/registry/fetcher.hpp"
#include "runtime/image/registry/transfer_notes.hpp"
#include "runtime/image/registry/url.hpp"

#include <signal.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::registry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Notes : public testing::Test {
  protected:
    Notes() {
        ::signal(SIGPIPE, SIG_IGN);
        Pipe pipe = make_pipe();
        transfer_.emplace(std::move(pipe.read));
        notes_.emplace(std::move(pipe.write));
    }
    ~Notes() override { ::signal(SIGPIPE, SIG_DFL); }

    std::optional<Transfer> transfer_;
    std::optional<TransferNotes> notes_;
};

TEST_F(Notes, AFullPipeLosesProgressAndNothingElse) {
    for (std::uint64_t i = 1; i <= 100'000; ++i) notes_->progress(i << 20);
    std::thread writer{[&] {
        notes_->retry("why", 1500ms);
        notes_->done({"", "type", 7, FetchOutcome::mounted});
    }};
    std::size_t progress = 0, retries = 0;
    std::optional<Note> last;
    while (const std::optional<Note> note = transfer_->next()) {
        progress += note->kind == NoteKind::progress ? 1 : 0;
        retries += note->kind == NoteKind::retry ? 1 : 0;
        last = note;
    }
    writer.join();
    EXPECT_GT(progress, 100u);
    EXPECT_LT(progress, 100'000u);
    EXPECT_EQ(retries, 1u);
    EXPECT_EQ(last->document, (FetchedDocument{"", "type", 7, FetchOutcome::mounted}));
}

TEST_F(Notes, SmallStepsAreNotToldOneByOne) {
    for (std::uint64_t i = 1; i <= 1000; ++i) notes_->progress(i);
    notes_->done({});
    std::size_t told = 0;
    while (const auto note = transfer_->next()) told += note->kind == NoteKind::progress ? 1 : 0;
    EXPECT_LT(told, 100u);
}

TEST_F(Notes, ALongErrorIsCutAndStillAnError) {
    Error error{ErrorKind::permission, std::string(9000, '\x01')};
    error.add_context(std::string(9000, 'c'));
    notes_->failed(error.with_hint(std::string(9000, '"')));
    try {
        transfer_->finish();
        FAIL();
    } catch (const Error& told) {
        EXPECT_EQ(told.kind(), ErrorKind::permission);
        EXPECT_THAT(told.message(), HasSubstr("\x01\x01"));
        EXPECT_NE(told.hint(), "");
    }
}

TEST_F(Notes, ListenersThatLeaveAreNoticed) {
    EXPECT_TRUE(notes_->keep_going());
    EXPECT_TRUE(notes_->wait(1ms));
    std::thread leaver{[&] { transfer_.reset(); }};
    EXPECT_FALSE(notes_->wait(60s)) << "at once, not after a minute";
    leaver.join();
    EXPECT_FALSE(notes_->keep_going());
    notes_->failed(Error{ErrorKind::failed, "nobody hears it, and nothing hangs"});
}

TEST(Urls, OriginsDifferBySchemeHostAndPort) {
    EXPECT_EQ(origin_of("https://registry.example/v2/"), "https://registry.example:443");
    EXPECT_EQ(origin_of("https://registry.example:443/other"), "https://registry.example:443");
    EXPECT_EQ(origin_of("HTTP://Registry.example"), "http://Registry.example:80");
    EXPECT_EQ(origin_of("http://[::1]:5000/"), "http://[::1]:5000");
    EXPECT_EQ(host_of("http://[::1]:5000/"), "[::1]");
    for (const char* bad : {"", "registry.example\n", "file:///etc/passwd", "ftp://registry.example/",
                            "https://user:secret@registry.example/", "https://a b/", "gopher://x"})
        EXPECT_THROW(origin_of(bad), Error) << bad;
}

TEST(Urls, LocationsAreAbsoluteOrRelative) {
    const std::string base = "https://registry.example/v2/app/blobs/uploads/";
    EXPECT_EQ(resolve_url(base, "/v2/app/blobs/uploads/1?state=x"),
              "https://registry.example/v2/app/blobs/uploads/1?state=x");
    EXPECT_EQ(resolve_url(base, "1"), "https://registry.example/v2/app/blobs/uploads/1");
    EXPECT_EQ(resolve_url(base, "https://cdn.example/x"), "https://cdn.example/x");
    EXPECT_EQ(resolve_url(base, "//cdn.example/x"), "https://cdn.example/x");
    EXPECT_THROW(resolve_url(base, "file:///etc/passwd"), Error);
    EXPECT_THROW(resolve_url(base, "https://user@registry.example/"), Error);
}

TEST(Urls, ParametersAreEncoded) {
    EXPECT_EQ(with_query("https://r.example/t", {{"a", "b c&d"}, {"e", "sha256:1"}}),
              "https://r.example/t?a=b%20c%26d&e=sha256%3A1");
    EXPECT_EQ(with_query("https://r.example/t?x=1#frag", {{"a", "b"}}), "https://r.example/t?x=1&a=b");
    EXPECT_EQ(with_query("https://r.example/t", {}), "https://r.example/t");
}

}  // namespace
}  // namespace stack::registry
