// The client's side of the fetcher's protocol, against a peer that the tests play.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/image/registry/fetch_protocol.hpp"
#include "runtime/image/registry/fetcher.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::registry {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "(no error)";
}

class FetcherClient : public testing::Test {
  protected:
    FetcherClient() {
        SocketPair pair = make_socket_pair(SOCK_SEQPACKET);
        fetcher_.emplace(std::move(pair.a));
        peer_ = std::move(pair.b);
    }

    struct Received {
        FetchRequest request;
        std::vector<UniqueFd> fds;
        void note(NoteKind kind, std::uint64_t bytes, std::string_view text = {}) const {
            write_all(fds.back().get(), encode_note(kind, bytes, text), "a note");
        }
    };
    Received receive() {
        ReceivedMessage message = receive_with_fds(peer_.get(), kMaxFetchRequest);
        const std::string_view text{reinterpret_cast<const char*>(message.bytes.data()),
                                    message.bytes.size()};
        return {decode_request(text), std::move(message.fds)};
    }

    std::optional<Fetcher> fetcher_;
    UniqueFd peer_;
};

TEST_F(FetcherClient, SendsABlobRequestWithItsFile) {
    const UniqueFd file{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    const Transfer transfer =
        fetcher_->get_blob({kDigest, 100, 7, {"https://elsewhere.example/blob"}}, file.get());
    const Received got = receive();
    FetchRequest wanted;
    wanted.operation = FetchOperation::get_blob;
    wanted.digest = kDigest;
    wanted.size = 100;
    wanted.offset = 7;
    wanted.urls = {"https://elsewhere.example/blob"};
    EXPECT_EQ(got.request, wanted);
    EXPECT_EQ(got.fds.size(), descriptor_count(FetchOperation::get_blob));
}

TEST_F(FetcherClient, TellsProgressRetriesAndTheEnd) {
    Transfer transfer = fetcher_->head_manifest("7");
    {
        const Received got = receive();
        EXPECT_EQ(got.request.reference, "7");
        got.note(NoteKind::progress, 10);
        got.note(NoteKind::retry, 10, R"({"message":"the connection was cut","in":1.5})");
        got.note(NoteKind::done, 0,
                 R"({"digest":")" + kDigest + R"(","mediaType":"a/b","size":12,"outcome":"fetched"})");
    }
    EXPECT_EQ(transfer.next()->bytes, 10u);
    const Note retry = transfer.next().value();
    EXPECT_EQ(retry.kind, NoteKind::retry);
    EXPECT_EQ(retry.message, "the connection was cut");
    EXPECT_EQ(retry.retry_in, std::chrono::milliseconds{1500});
    const FetchedDocument wanted{kDigest, "a/b", 12, FetchOutcome::fetched};
    EXPECT_EQ(transfer.next()->document, wanted);
    EXPECT_FALSE(transfer.next());
    EXPECT_EQ(transfer.finish(), wanted);
}

TEST_F(FetcherClient, ThrowsTheErrorOfAFailedRequest) {
    Transfer transfer = fetcher_->ping();
    receive().note(NoteKind::failed, 0,
                   R"({"event":"error","kind":"permission","message":"wrong password","hint":"log in"})");
    try {
        transfer.finish();
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::permission);
        EXPECT_EQ(error.message(), "wrong password");
        EXPECT_EQ(error.hint(), "log in");
    }
}

TEST_F(FetcherClient, NoticesThatTheFetcherDied) {
    Transfer under_way = fetcher_->ping();
    Transfer cut = fetcher_->ping();
    static_cast<void>(receive());  // its pipe closes here
    const Received half = receive();
    write_all(half.fds.back().get(), std::string(5, '\0'), "half a note");
    peer_.reset();
    EXPECT_THAT(error_of([&] { under_way.finish(); }), testing::HasSubstr("ended without an answer"));
    EXPECT_THAT(error_of([&] { fetcher_->ping(); }), testing::HasSubstr("ended without an answer"));
}

TEST_F(FetcherClient, CancelsARequestByClosingItsPipe) {
    std::optional<Transfer> transfer = fetcher_->ping();
    const Received got = receive();
    transfer.reset();
    const sighandler_t before = ::signal(SIGPIPE, SIG_IGN);
    EXPECT_THAT(error_of([&] { got.note(NoteKind::progress, 1); }), testing::HasSubstr("EPIPE"));
    ::signal(SIGPIPE, before);
}

TEST_F(FetcherClient, RefusesNotesThatNoFetcherSends) {
    const auto told = [&](std::string_view record) {
        Transfer transfer = fetcher_->ping();
        write_all(receive().fds.back().get(), record, "a note");
        return error_of([&] { transfer.finish(); });
    };
    std::string long_note = encode_note(NoteKind::done, 0, "");
    long_note[4] = long_note[5] = '\x7f';
    EXPECT_THAT(told(long_note), testing::HasSubstr("too long"));
    EXPECT_THAT(told(encode_note(static_cast<NoteKind>(9), 0, "{}")), testing::HasSubstr("unknown note"));
    EXPECT_THAT(told(encode_note(NoteKind::done, 0, "[]")), testing::HasSubstr("no JSON object"));
    EXPECT_THAT(told(encode_note(NoteKind::done, 0, R"({"outcome":"lost"})")),
                testing::HasSubstr("unknown outcome"));
}

TEST(FetchProtocol, RequestsSurviveTheirEncoding) {
    FetchRequest request;
    request.operation = FetchOperation::put_blob;
    request.digest = kDigest;
    request.size = UINT64_C(1) << 40;
    request.mount_from = "team/base";
    EXPECT_EQ(decode_request(encode_request(request)), request);
}

TEST(FetchProtocol, RefusesFieldsThatCouldChangeAUrl) {
    for (const char* text : {
             R"({"op":"exec"})",
             R"([])",
             R"({"op":"get_manifest"})",
             R"({"op":"get_manifest","reference":"../../other/manifests/7"})",
             R"({"op":"get_manifest","reference":"7?x"})",
             R"({"op":"get_manifest","reference":"7@sha256:1"})",
             R"({"op":"get_blob","digest":"sha256:../x","size":1})",
             R"({"op":"get_blob","digest":"sha512:1","size":1})",
             R"({"op":"put_blob","digest":"DIGEST","size":-1})",
             R"({"op":"get_blob","digest":"DIGEST","size":1,"offset":2})",
             R"({"op":"put_blob","digest":"DIGEST","size":1,"mount_from":"a/../b"})",
             R"({"op":"put_blob","digest":"DIGEST","size":1,"mount_from":"a:tag"})",
             R"({"op":"put_manifest","reference":"7","media_type":"a\r\nX: y"})",
         }) {
        std::string datagram = text;
        if (const std::size_t at = datagram.find("DIGEST"); at != std::string::npos)
            datagram.replace(at, 6, kDigest);
        EXPECT_THROW(static_cast<void>(decode_request(datagram)), Error) << datagram;
    }
}

}  // namespace
}  // namespace stack::registry
