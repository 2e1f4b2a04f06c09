// Files of downloads: who owns them, and what becomes of those who wait. And Downloads over a fetcher that is a thread of
// the test.
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/image/download_file.hpp"
#include "runtime/image/downloads.hpp"
#include "runtime/image/error_event.hpp"
#include "tests/support/temp_root.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::image {
namespace {

using registry::FetchRequest;
using registry::NoteKind;
using testing::HasSubstr;

class DownloadFiles : public testing::Test {
  protected:
    [[nodiscard]] static Descriptor describe(const std::string& content) {
        return {"", sha256_digest(content), content.size(), {}, {}};
    }
    [[nodiscard]] UniqueFd folder(const std::string& name) const {
        make_directories(directory_.file(name));
        return open_directory(directory_.file(name));
    }
    [[nodiscard]] std::string path(const std::string& name, const Descriptor& blob) const {
        return directory_.file(name) + '/' + blob.digest.substr(7);
    }

    test::TempDir directory_;
    UniqueFd downloads_ = folder("downloads"), blobs_ = folder("blobs");
};

TEST_F(DownloadFiles, HaveOneOwner) {
    const Descriptor blob = describe("content");
    std::optional<DownloadFile> first{std::in_place, downloads_.get(), blob};
    DownloadFile second{downloads_.get(), blob};
    EXPECT_TRUE(first->owned());
    EXPECT_FALSE(second.owned());
    EXPECT_FALSE(second.try_own());
    first.reset();
    EXPECT_TRUE(second.try_own());
}

TEST_F(DownloadFiles, AreOpenedAnewWhenTheyWereRemoved) {
    const Descriptor blob = describe("content");
    std::optional<DownloadFile> first{std::in_place, downloads_.get(), blob};
    DownloadFile second{downloads_.get(), blob};
    write_all(first->fd(), "wrong", "the file");
    EXPECT_EQ(second.bytes(), 5u);
    first->remove();
    first.reset();
    EXPECT_TRUE(second.try_own());
    EXPECT_EQ(second.bytes(), 0u);
    EXPECT_TRUE(path_exists(path("downloads", blob)));
}

TEST_F(DownloadFiles, StayReadableWhenTheyWerePublished) {
    const Descriptor blob = describe("content");
    std::optional<DownloadFile> first{std::in_place, downloads_.get(), blob};
    DownloadFile second{downloads_.get(), blob};
    write_all(first->fd(), "content", "the file");
    ASSERT_EQ(::rename(path("downloads", blob).c_str(), path("blobs", blob).c_str()), 0);
    first.reset();
    EXPECT_TRUE(second.try_own());
    EXPECT_EQ(second.bytes(), blob.size);
    EXPECT_FALSE(second.clear()) << "it is the store's now";
    second.remove();
    EXPECT_EQ(read_file(path("blobs", blob)), "content");
    EXPECT_TRUE(open_stored_blob(blobs_.get(), blob).valid());
}

// Answers each request by what the test says.
class FetcherThread {
  public:
    using Answer = std::function<void(const FetchRequest&, int file, int notes)>;
    explicit FetcherThread(Answer answer) : sockets_{make_socket_pair(SOCK_SEQPACKET)} {
        fetcher_.emplace(std::move(sockets_.a));
        ::signal(SIGPIPE, SIG_IGN);  // as the real one: who cancels closes its end of the notes
        thread_ = std::thread{[this, answer = std::move(answer)] {
            for (;;) {
                const ReceivedMessage message =
                    receive_with_fds(sockets_.b.get(), registry::kMaxFetchRequest);
                if (message.bytes.empty()) return;
                const FetchRequest request = registry::decode_request(
                    {reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()});
                answer(request, message.fds.at(0).get(), message.fds.at(1).get());
            }
        }};
    }
    ~FetcherThread() {
        fetcher_.reset();
        thread_.join();
    }
    FetcherThread(const FetcherThread&) = delete;
    FetcherThread& operator=(const FetcherThread&) = delete;
    registry::Fetcher& client() { return *fetcher_; }

    static void note(int notes, NoteKind kind, std::uint64_t bytes, const nlohmann::json& text) {
        tell(notes, registry::encode_note(kind, bytes, text.dump()));
    }
    // The blob from the request's offset on, `step` bytes a time.
    static void send(const FetchRequest& request, std::string_view content, std::size_t step, int file,
                     int notes) {
        for (std::uint64_t at = request.offset; at < content.size();) {
            const std::string_view part = content.substr(at, step);
            ASSERT_EQ(::pwrite(file, part.data(), part.size(), static_cast<off_t>(at)),
                      static_cast<ssize_t>(part.size()));
            at += part.size();
            tell(notes, registry::encode_note(NoteKind::progress, at, ""));
        }
        note(notes, NoteKind::done, content.size(),
             {{"digest", request.digest}, {"size", content.size()}, {"outcome", "fetched"}});
    }

  private:
    static void tell(int notes, const std::string& note) {
        try {
            write_all(notes, note, "a note");
        } catch (const Error&) {  // nobody wants to know any more
        }
    }

    SocketPair sockets_;
    std::optional<registry::Fetcher> fetcher_;
    std::thread thread_;
};

class DownloadsOfAPull : public DownloadFiles {
  protected:
    [[nodiscard]] std::string read(Downloads& downloads, const Descriptor& blob) const {
        std::string text;
        downloads.bytes(blob.digest)(
            [&](Bytes bytes) { text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size()); });
        return text;
    }

    const std::string content_ = [] {
        std::string text;
        for (int i = 0; text.size() < 100'000; ++i) text += std::to_string(i);
        return text;
    }();
    UniqueFd null_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    EventWriter events_{null_.get()};
    LayerEvents layers_{events_};
};

TEST_F(DownloadsOfAPull, AreReadWhileTheyGrowAndGoOnWhereTheyStopped) {
    const Descriptor blob = describe(content_);
    directory_.write("downloads/" + blob.digest.substr(7), content_.substr(0, 40'000));
    std::uint64_t offset = 0;
    FetcherThread fetcher{[&](const FetchRequest& request, int file, int notes) {
        offset = request.offset;
        FetcherThread::send(request, content_, 7'000, file, notes);
    }};
    Downloads downloads{downloads_.get(), blobs_.get(), fetcher.client(), events_, layers_};
    downloads.add(blob);
    EXPECT_EQ(downloads.missing_bytes(), content_.size() - 40'000);
    downloads.start();
    EXPECT_EQ(read(downloads, blob), content_);
    EXPECT_EQ(offset, 40'000u);
    EXPECT_EQ(read(downloads, blob), content_) << "as often as one likes";
    EXPECT_EQ(downloads.downloaded(), content_.size() - 40'000);
}

TEST_F(DownloadsOfAPull, BeginAnewWhenALeftOverIsRejected) {
    const Descriptor blob = describe(content_);
    directory_.write("downloads/" + blob.digest.substr(7), std::string(40'000, 'x'));
    FetcherThread fetcher{[&](const FetchRequest& request, int file, int notes) {
        FetcherThread::send(request, content_, 50'000, file, notes);
    }};
    Downloads downloads{downloads_.get(), blobs_.get(), fetcher.client(), events_, layers_};
    downloads.add(blob);
    downloads.start();
    EXPECT_NE(read(downloads, blob), content_);
    EXPECT_TRUE(downloads.reject(blob.digest));
    EXPECT_EQ(read(downloads, blob), content_);
    EXPECT_FALSE(downloads.reject(blob.digest)) << "all of it is from this pull";
    EXPECT_FALSE(path_exists(path("downloads", blob)));
}

TEST_F(DownloadsOfAPull, FailWithTheReasonOfTheFetcher) {
    const Descriptor bad = describe("bad");
    FetcherThread fetcher{[](const FetchRequest&, int, int notes) {
        FetcherThread::note(notes, NoteKind::failed, 0,
                            error_event(Error{ErrorKind::failed, "the registry is on fire"}));
    }};
    Downloads downloads{downloads_.get(), blobs_.get(), fetcher.client(), events_, layers_};
    downloads.add(bad);
    downloads.start();
    try {
        static_cast<void>(read(downloads, bad));
        FAIL();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("on fire"));
    }
}

TEST_F(DownloadsOfAPull, LeaveNoEmptyFileBehind) {
    const Descriptor blob = describe(content_);
    FetcherThread fetcher{[](const FetchRequest&, int, int) {}};
    {
        Downloads downloads{downloads_.get(), blobs_.get(), fetcher.client(), events_, layers_};
        downloads.add(blob);
    }
    EXPECT_FALSE(path_exists(path("downloads", blob)));
}

TEST(LayerEvents, TellEveryChangeAndLittleElse) {
    Pipe pipe = make_pipe();
    EventWriter events{pipe.write.get()};
    LayerEvents layers{events};
    const std::string digest = "sha256:" + std::string(64, 'a');
    layers.tell(digest, LayerState::waiting, 0, 9);
    for (std::uint64_t i = 0; i < 1000; ++i) layers.tell(digest, LayerState::downloading, i, 1000);
    layers.tell(digest, LayerState::unpacking, 1, 9);  // while it still downloads
    layers.tell(digest, LayerState::downloaded, 9, 9);
    layers.tell(digest, LayerState::unpacking, 9, 9);
    layers.tell(digest, LayerState::done, 9, 9);
    pipe.write.reset();
    std::string story;
    const std::string lines = read_all(pipe.read.get(), "the events");
    for (std::size_t start = 0, end; (end = lines.find('\n', start)) != std::string::npos; start = end + 1) {
        const auto event = nlohmann::json::parse(lines.substr(start, end - start));
        EXPECT_EQ(event["id"], "aaaaaaaaaaaa");
        const std::string state = event["state"];
        if (!story.ends_with(state)) story += " " + state;
    }
    EXPECT_EQ(story, " waiting downloading downloaded unpacking done");
    EXPECT_LT(lines.size(), 20u * 100) << "at most about ten a second";
}

}  // namespace
}  // namespace stack::image
