// The client's reader of HTTP answers, fed in pieces and with rubbish.
#include "manager/control/http_response.hpp"
#include "runtime/base/error.hpp"

#include <gtest/gtest.h>

namespace stack::control {
namespace {

constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    "8\r\n{\"a\":1}\n\r\nA;x=y\r\n{\"b\":22}\n{\r\n6\r\n\"c\":3}\r\n0\r\nTrailer: x\r\n\r\n";

std::vector<std::string> lines_of(HttpResponseParser& parser) {
    std::vector<std::string> lines;
    while (auto line = parser.take_line()) lines.push_back(*line);
    return lines;
}

TEST(HttpResponse, ReadsChunksWhereverTheyAreCut) {
    for (std::size_t piece = 1; piece <= kChunked.size(); ++piece) {
        HttpResponseParser parser;
        for (std::size_t at = 0; at < kChunked.size(); at += piece) parser.feed(kChunked.substr(at, piece));
        EXPECT_TRUE(parser.complete()) << piece;
        EXPECT_EQ(parser.status(), 200);
        EXPECT_EQ(*parser.header("content-type"), "application/x-ndjson");
        EXPECT_EQ(lines_of(parser), (std::vector<std::string>{"{\"a\":1}", "{\"b\":22}", "{\"c\":3}"}))
            << piece;
    }
}

TEST(HttpResponse, GivesLinesAsTheyCome) {
    HttpResponseParser parser;
    parser.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n3\r\ntwo");
    EXPECT_EQ(parser.take_line(), "one");
    EXPECT_EQ(parser.take_line(), std::nullopt);
    EXPECT_FALSE(parser.complete());
}

TEST(HttpResponse, ReadsKnownLengthsAndBodiesUntilTheEnd) {
    HttpResponseParser known;
    known.feed("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}");
    EXPECT_TRUE(known.complete());
    EXPECT_EQ(known.take_body(), "{}");
    HttpResponseParser open;
    open.feed("HTTP/1.0 200 OK\r\n\r\nabc");
    EXPECT_FALSE(open.complete());
    open.feed_end();
    EXPECT_TRUE(open.complete());
    EXPECT_EQ(open.take_body(), "abc");
}

TEST(HttpResponse, HandsOnWhatFollowsAnUpgrade) {
    HttpResponseParser parser;
    parser.feed("HTTP/1.1 101 Switching Protocols\r\nUpgrade: stack-exec\r\n\r\n{\"event\":");
    EXPECT_TRUE(parser.complete());
    EXPECT_EQ(parser.take_rest(), "{\"event\":");
}

TEST(HttpResponse, SkipsAnInterimAnswer) {
    HttpResponseParser parser;
    parser.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(parser.status(), 200);
    EXPECT_TRUE(parser.complete());
}

TEST(HttpResponse, ACutAnswerIsAnError) {
    HttpResponseParser parser;
    parser.feed(kChunked.substr(0, kChunked.size() - 4));
    EXPECT_THROW(parser.feed_end(), Error);
}

TEST(HttpResponse, RefusesRubbish) {
    const std::vector<std::string> answers{
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 abc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        std::string(20000, 'x'),
        "HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'x'),
    };
    for (const std::string& answer : answers) {
        HttpResponseParser parser;
        EXPECT_THROW(parser.feed(answer), Error) << answer.substr(0, 60);
    }
}

}  // namespace
}  // namespace stack::control
