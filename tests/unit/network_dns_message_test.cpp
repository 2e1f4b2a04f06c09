// The DNS codec: what it writes it reads, and hostile bytes lead nowhere.
#include "network/dns_message.hpp"

#include <random>

#include <gtest/gtest.h>

namespace stack::network::dns {
namespace {

using Bytes = std::vector<std::uint8_t>;

Query query(const std::string& name, Type type = Type::a) {
    Query result;
    result.id = 0x1234;
    result.recursion_desired = true;
    result.question = {name, type, kClassIn};
    return result;
}

Bytes with_name(const Bytes& name) {
    Bytes message{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    // One by one: GCC 12 sees an overread in the range insertion.
    for (const std::uint8_t octet : name) message.push_back(octet);
    for (const int octet : {0, 1, 0, 1}) message.push_back(static_cast<std::uint8_t>(octet));
    return message;
}

bool is_format_error(const Bytes& message) {
    const std::optional<ParsedQuery> parsed = parse_query(message);
    return parsed && std::holds_alternative<BadQuery>(*parsed) &&
           std::get<BadQuery>(*parsed).code == Code::format_error;
}

TEST(DnsMessage, QueriesAreReadAsTheyWereWritten) {
    Query plain = query("Web.Shop_default");
    EXPECT_EQ(std::get<Query>(*parse_query(encode(plain))), plain);
    plain.edns = true;
    plain.udp_size = 4096;
    plain.checking_disabled = true;
    EXPECT_EQ(std::get<Query>(*parse_query(encode(plain))), plain);
}

TEST(DnsMessage, EveryOctetOfANameSurvives) {
    Bytes name{4, 'a', '.', '\\', 0, 3, 0xff, ' ', 'B', 0};
    const std::optional<ParsedQuery> parsed = parse_query(with_name(name));
    ASSERT_TRUE(parsed);
    const Query& read = std::get<Query>(*parsed);
    EXPECT_EQ(read.question.name, "a\\046\\092\\000.\\255\\032B");
    EXPECT_EQ(encode(read), with_name(name));
}

TEST(DnsMessage, ResponsesCarryEveryKindOfRecord) {
    Response response;
    response.query = query("web", Type::any);
    response.answers = {
        {"web", Type::a, 10, Ipv4{0x0a000002}},
        {"web", Type::aaaa, 10, Aaaa{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
        {"other.test", Type::ptr, 20, Ptr{"web.front"}},
        {"_http._tcp.web", Type::srv, 30, Srv{1, 2, 80, "web"}},
        {"web", Type::txt, 40, Txt{{"one", "", "three"}}},
        {"web", static_cast<Type>(99), 50, Raw{1, 2, 3}},
    };
    const std::optional<ParsedResponse> read = parse_response(encode(response, 65535));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->id, 0x1234);
    EXPECT_TRUE(read->authoritative);
    EXPECT_FALSE(read->truncated);
    EXPECT_EQ(read->questions, std::vector<Question>{response.query.question});
    EXPECT_EQ(read->answers, response.answers);
}

TEST(DnsMessage, AnswersThatDoNotFitAreLeftOutWhole) {
    Response response;
    response.query = query("web");
    response.query.edns = true;
    for (std::uint32_t i = 0; i < 100; ++i) response.answers.push_back({"web", Type::a, 10, Ipv4{i}});
    const Bytes bytes = encode(response, 512);
    EXPECT_LE(bytes.size(), 512u);
    const std::optional<ParsedResponse> read = parse_response(bytes);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->truncated);
    EXPECT_EQ(read->answers.size(), (512 - 11 - 12 - 9) / 16u);
}

TEST(DnsMessage, PointersMustLeadBackwards) {
    EXPECT_TRUE(is_format_error(with_name({0xc0, 12})));            // to itself
    EXPECT_TRUE(is_format_error(with_name({0xc0, 14, 0xc0, 12})));  // forward
    EXPECT_TRUE(is_format_error(with_name({1, 'a', 0xc0, 12})));    // round and round
    EXPECT_TRUE(is_format_error(with_name({0xc0, 4})));             // into the header
    EXPECT_TRUE(is_format_error(with_name({0xc0})));        // cut off, what follows is no offset before it
    EXPECT_TRUE(is_format_error(with_name({0x80, 1, 0})));  // reserved length bits
}

TEST(DnsMessage, NamesAndLabelsHaveTheirLimits) {
    Bytes longest;
    for (int i = 0; i < 3; ++i) {
        longest.push_back(63);
        longest.insert(longest.end(), 63, 'x');
    }
    longest.push_back(61);
    longest.insert(longest.end(), 61, 'y');
    longest.push_back(0);
    ASSERT_EQ(longest.size(), 255u);
    EXPECT_FALSE(is_format_error(with_name(longest)));
    Bytes longer = longest;
    longer[3 * 64] = 62;
    longer.insert(longer.end() - 1, 'y');
    EXPECT_TRUE(is_format_error(with_name(longer)));
}

TEST(DnsMessage, OnlyPlainQueriesAreTaken) {
    Bytes message = encode(query("web"));
    Bytes response = message;
    response[2] |= 0x80;
    EXPECT_FALSE(parse_query(response));  // never answer an answer
    Bytes update = message;
    update[2] = 5 << 3;
    EXPECT_EQ(std::get<BadQuery>(*parse_query(update)).code, Code::not_implemented);
    Bytes two = message;
    two[5] = 2;
    EXPECT_TRUE(is_format_error(two));
    Bytes promise = message;
    promise[11] = 1;  // a record that isn't there
    EXPECT_TRUE(is_format_error(promise));
    for (std::size_t size = 0; size < message.size(); ++size) {
        const std::optional<ParsedQuery> parsed = parse_query(std::span{message}.first(size));
        EXPECT_EQ(parsed.has_value(), size >= 12) << size;
    }
}

TEST(DnsMessage, AnswersBelongToTheirQuestions) {
    const Query asked = query("Web.test");
    const Bytes question = encode(asked);
    Response response;
    response.query = asked;
    response.query.question.name = "web.TEST";
    EXPECT_TRUE(answers(encode(response, 512), question));
    EXPECT_FALSE(answers(question, question));
    response.query.question.name = "bad.test";
    EXPECT_FALSE(answers(encode(response, 512), question));
    response.query = asked;
    response.query.id = 0x1235;
    EXPECT_FALSE(answers(encode(response, 512), question));
    EXPECT_FALSE(answers({}, question));
}

TEST(DnsMessage, CuttingKeepsHeaderAndQuestion) {
    Response response;
    response.query = query("web");
    response.answers = {{"web", Type::a, 10, Ipv4{1}}};
    const std::optional<ParsedResponse> cut = parse_response(truncated(encode(response, 512)));
    ASSERT_TRUE(cut);
    EXPECT_TRUE(cut->truncated);
    EXPECT_TRUE(cut->answers.empty());
    EXPECT_EQ(cut->questions.size(), 1u);
    EXPECT_TRUE(truncated(Bytes{1, 2, 3}).empty());
}

// Not a replacement for the fuzzer; a net under every build.
TEST(DnsMessage, SpoiledMessagesNeverHarm) {
    Response response;
    response.query = query("a.rather.long.name.with.labels", Type::any);
    response.query.edns = true;
    response.answers = {{"a.rather.long.name.with.labels", Type::srv, 1, Srv{1, 2, 3, "x.y"}},
                        {"b", Type::txt, 1, Txt{{"text"}}}};
    const std::vector<Bytes> seeds{encode(response.query), encode(response, 512)};
    std::mt19937 random{42};
    for (int round = 0; round < 20000; ++round) {
        Bytes bytes = seeds[static_cast<std::size_t>(round) % seeds.size()];
        for (int change = 0; change < 4; ++change)
            bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        bytes.resize(random() % (bytes.size() + 1));
        if (const std::optional<ParsedQuery> parsed = parse_query(bytes); parsed && parsed->index() == 0) {
            const Query& read = std::get<Query>(*parsed);
            EXPECT_EQ(std::get<Query>(*parse_query(encode(read))).question, read.question);
        }
        static_cast<void>(parse_response(bytes));
        static_cast<void>(truncated(bytes));
        static_cast<void>(answers(bytes, seeds[0]));
    }
}

}  // namespace
}  // namespace stack::network::dns
