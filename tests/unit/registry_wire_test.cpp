// What servers say: headers, challenges, tokens, errors. All of it may be written by an attacker.
#include "runtime/base/error.hpp"
#include "runtime/image/registry/base64.hpp"
#include "runtime/image/registry/challenge.hpp"
#include "runtime/image/registry/http_headers.hpp"
#include "runtime/image/registry/registry_error.hpp"
#include "runtime/image/registry/retry_policy.hpp"
#include "runtime/image/registry/token.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::registry {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST(HttpHeaders, AreFoundInAnyCase) {
    HttpHeaders headers;
    headers.add_line("HTTP/1.1 200 OK\r\n");
    headers.add_line("CONTENT-type:  application/json; charset=utf-8 \r\n");
    headers.add_line("Content-Length: 12\r\n");
    headers.add_line("X: 1\r\n");
    headers.add_line("x: 2\r\n");
    EXPECT_EQ(media_type(headers), "application/json");
    EXPECT_EQ(content_length(headers), 12u);
    EXPECT_THAT(headers.all("X"), ElementsAre("1", "2"));
    EXPECT_EQ(headers.value("absent"), "");
}

TEST(HttpHeaders, ANumberIsANumberAndADigestADigest) {
    for (const char* bad : {"", "-1", "+1", "1x", "0x10", " ", "99999999999999999999", "1, 2"}) {
        HttpHeaders headers;
        headers.add_line(std::string{"Content-Length: "} + bad);
        EXPECT_EQ(content_length(headers), std::nullopt) << bad;
    }
    HttpHeaders headers;
    headers.add_line("Docker-Content-Digest: sha256:../../etc/passwd");
    EXPECT_EQ(content_digest(headers), "");
}

TEST(HttpHeaders, Ranges) {
    EXPECT_EQ(parse_content_range("bytes 5-9/10"), (ContentRange{5, 9, 10}));
    EXPECT_EQ(parse_content_range("bytes 5-9/*"), (ContentRange{5, 9, std::nullopt}));
    for (const char* bad : {"", "bytes", "bytes 9-5/10", "bytes 5-9/9", "bytes */10", "items 5-9/10",
                            "bytes 5-9", "bytes 0-18446744073709551615/*", "bytes -5-9/10"})
        EXPECT_EQ(parse_content_range(bad), std::nullopt) << bad;
    EXPECT_EQ(parse_upload_range("0-1023"), 1024u);
    EXPECT_EQ(parse_upload_range("bytes=0-1023"), 1024u);
    EXPECT_EQ(parse_upload_range("0-0"), 0u);
    EXPECT_EQ(parse_upload_range("5-9"), std::nullopt);
    EXPECT_EQ(parse_upload_range("x"), std::nullopt);
}

TEST(HttpHeaders, RetryAfterIsSecondsOrADate) {
    const auto now = std::chrono::system_clock::from_time_t(1445412470);  // 07:27:50
    EXPECT_EQ(parse_retry_after("7", now), 7s);
    EXPECT_EQ(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), 10s);
    EXPECT_EQ(parse_retry_after("Wed, 21 Oct 2015 07:27:00 GMT", now), 0s);
    EXPECT_EQ(parse_retry_after("99999999999", now), 24h);
    EXPECT_EQ(parse_retry_after("Wed, 21 Oct 4030 07:28:00 GMT", now), 24h);
    EXPECT_EQ(parse_retry_after("-3", now), std::nullopt);
    EXPECT_EQ(parse_retry_after("soon", now), std::nullopt);
}

TEST(Challenges, OfRealRegistries) {
    EXPECT_THAT(
        parse_challenges(R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",)"
                         R"(scope="repository:library/redis:pull",error="invalid_token")"),
        ElementsAre(Challenge{"bearer",
                              {{"realm", "https://auth.docker.io/token"},
                               {"service", "registry.docker.io"},
                               {"scope", "repository:library/redis:pull"},
                               {"error", "invalid_token"}}}));
    EXPECT_THAT(parse_challenges(R"(BASIC Realm="a \"quoted\" \\ name")"),
                ElementsAre(Challenge{"basic", {{"realm", R"(a "quoted" \ name)"}}}));
}

TEST(Challenges, SeveralInOneHeader) {
    const auto challenges = parse_challenges(R"(Negotiate, Basic realm="x", charset=UTF-8 , Bearer realm=y)");
    ASSERT_THAT(challenges, SizeIs(3));
    EXPECT_EQ(challenges[0].scheme, "negotiate");
    EXPECT_THAT(challenges[1].parameters, ElementsAre(Pair("charset", "UTF-8"), Pair("realm", "x")));
    EXPECT_EQ(challenges[2], (Challenge{"bearer", {{"realm", "y"}}}));
}

TEST(Challenges, HostileOnesEndTheList) {
    EXPECT_THAT(parse_challenges(""), IsEmpty());
    EXPECT_THAT(parse_challenges(",,, ,"), IsEmpty());
    EXPECT_THAT(parse_challenges(R"("quoted" first)"), IsEmpty());
    EXPECT_THAT(parse_challenges(R"(Bearer realm="never closed)"), ElementsAre(Challenge{"bearer", {}}));
    EXPECT_THAT(parse_challenges("Bearer dG9rZW42OA==, Basic realm=x"), SizeIs(testing::Ge(1u)));
    std::string endless = "Bearer ";
    for (int i = 0; i < 100000; ++i) endless += "a" + std::to_string(i) + "=b,";
    EXPECT_THAT(parse_challenges(endless), ElementsAre(testing::Field(&Challenge::parameters, SizeIs(16))));
    std::string many;
    for (int i = 0; i < 100000; ++i) many += "S" + std::to_string(i) + ",";
    EXPECT_THAT(parse_challenges(many), SizeIs(testing::Le(16u)));
    EXPECT_EQ(parse_challenges("Bearer realm=first, realm=second").front().parameter("realm"), "first");
}

TEST(Tokens, EitherName) {
    EXPECT_EQ(parse_token(R"({"token":"abc","expires_in":300})"), (Token{"abc", 300s}));
    EXPECT_EQ(parse_token(R"({"access_token":"abc"})"), (Token{"abc", 60s}));
    EXPECT_EQ(parse_token(R"({"token":"abc","expires_in":-5})").lifetime, 60s);
    EXPECT_EQ(parse_token(R"({"token":"abc","expires_in":9223372036854775807})").lifetime, 24h);
}

TEST(Tokens, NothingThatWouldBreakAHeader) {
    for (const char* bad : {"", "{}", "[]", R"({"token":""})", R"({"token":5})", R"({"token":"a\r\nX: y"})",
                            R"({"token":"a b"})", R"({"token":"\u00fc"})"})
        EXPECT_THROW(parse_token(bad), Error) << bad;
}

TEST(RegistryErrors, TellWhatTheRegistryTold) {
    const Subject subject{"registry.example", "image 'app:1'"};
    const AttemptFailure missing = failure_of_answer(
        404, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})", subject);
    EXPECT_EQ(missing.error.kind(), ErrorKind::not_found);
    EXPECT_STREQ(missing.what(),
                 "image 'app:1' does not exist in registry registry.example, or you may not read it: "
                 "MANIFEST_UNKNOWN: manifest unknown");
    EXPECT_THAT(missing.error.hint(), HasSubstr("stack login registry.example"));
    EXPECT_EQ(missing.remedy, AttemptFailure::Remedy::none);
    for (const int status : {408, 429, 500, 502, 503, 504})
        EXPECT_EQ(failure_of_answer(status, "", subject).remedy, AttemptFailure::Remedy::again) << status;
    EXPECT_EQ(failure_of_answer(501, "", subject).remedy, AttemptFailure::Remedy::none);
    EXPECT_THAT(failure_of_answer(429, "", subject).error.hint(), HasSubstr("stack login"));
}

TEST(RegistryErrors, ForeignTextStaysOnItsLine) {
    EXPECT_EQ(error_text(R"({"errors":[{"code":"A","message":"b\u001b[31m\nc"}]})"), "A: b [31m c");
    EXPECT_EQ(error_text(R"({"details":"unauthorized"})"), "unauthorized");
    EXPECT_EQ(error_text("<html>"), "");
    EXPECT_EQ(error_text(R"({"errors":[5]})"), "");
    EXPECT_LT(error_text(R"({"message":")" + std::string(5000, 'x') + "\"}").size(), 400u);
}

TEST(Retries, WaitLongerEachTimeAndThenGiveUp) {
    RetryPolicy policy{FetchLimits{}};
    EXPECT_EQ(policy.next(0, {}, 1.0), 500ms);
    EXPECT_EQ(policy.next(0, {}, 1.0), 1500ms);
    EXPECT_EQ(policy.next(0, {}, 0.0), 2250ms);
    EXPECT_EQ(policy.next(0, {}, 1.0), 13500ms);
    EXPECT_EQ(policy.next(0, {}, 1.0), std::nullopt);
}

TEST(Retries, ProgressStartsTheCountAnew) {
    RetryPolicy policy{FetchLimits{}};
    for (std::uint64_t bytes = 4096; bytes < 4096 * 200; bytes += 4096)
        EXPECT_EQ(policy.next(bytes, {}, 1.0), 100ms);
    for (int i = 0; i < 3; ++i) EXPECT_NE(policy.next(4096 * 200, {}, 0.5), std::nullopt);
    EXPECT_NE(policy.next(4096 * 200 + 1, {}, 0.5), std::nullopt);
    EXPECT_EQ(policy.next(4096 * 200 + 2, {}, 0.5), std::nullopt);
}

TEST(Retries, DoAsTheServerAsksWithinAMinute) {
    RetryPolicy policy{FetchLimits{}};
    EXPECT_EQ(policy.next(0, 0s, 0.5), 0ms);
    EXPECT_EQ(policy.next(0, 60s, 0.5), 60s);
    EXPECT_EQ(policy.next(0, 61s, 0.5), std::nullopt);
}

TEST(Base64, BothWays) {
    for (const auto& [plain, coded] : {std::pair{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"user:p\xc3\xa4ss", "dXNlcjpww6Rzcw=="}}) {
        EXPECT_EQ(base64_encode(plain), coded);
        EXPECT_EQ(base64_decode(coded), plain);
    }
    EXPECT_EQ(base64_decode("Zm8"), "fo");
    EXPECT_EQ(base64_decode("Zm9v!"), std::nullopt);
    EXPECT_EQ(base64_decode("Z"), std::nullopt);
}

}  // namespace
}  // namespace stack::registry
