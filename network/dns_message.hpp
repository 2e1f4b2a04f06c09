// DNS messages on the wire: RFC 1035 section 4, with SRV (RFC 2782), AAAA (RFC 3596) and EDNS (RFC 6891).
// Reads bytes of any origin: bounded, no recursion, compression pointers only go backwards. Not a resolver.
#pragma once

#include "network/ipam.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace stack::network::dns {

enum class Type : std::uint16_t {
    a = 1,
    ns = 2,
    cname = 5,
    soa = 6,
    ptr = 12,
    txt = 16,
    aaaa = 28,
    srv = 33,
    opt = 41,
    any = 255
};
enum class Code : std::uint8_t {
    no_error = 0,
    format_error = 1,
    server_failure = 2,
    name_error = 3,
    not_implemented = 4,
    refused = 5
};

constexpr std::uint16_t kClassIn = 1;
constexpr std::size_t kPlainUdpSize = 512;  ///< what a client without EDNS takes

struct Question {
    std::string name;  ///< dotted, no final dot, as asked (case kept); octets outside [!-~] and dots as \DDD
    Type type = Type::a;
    std::uint16_t klass = kClassIn;
    bool operator==(const Question&) const = default;
};

struct Srv {
    std::uint16_t priority = 0, weight = 0, port = 0;
    std::string target;
    bool operator==(const Srv&) const = default;
};
struct Ptr {
    std::string target;
    bool operator==(const Ptr&) const = default;
};
struct Txt {
    std::vector<std::string> strings;
    bool operator==(const Txt&) const = default;
};
using Aaaa = std::array<std::uint8_t, 16>;
using Raw = std::vector<std::uint8_t>;
using Data = std::variant<Ipv4, Aaaa, Ptr, Srv, Txt, Raw>;

struct Record {
    std::string name;
    Type type = Type::a;
    std::uint32_t ttl_seconds = 0;
    Data data;
    bool operator==(const Record&) const = default;
};

/// A query as far as this server looks at it.
struct Query {
    std::uint16_t id = 0;
    bool recursion_desired = false;
    bool checking_disabled = false;
    std::uint8_t opcode = 0;
    Question question;
    std::size_t udp_size = kPlainUdpSize;  ///< from OPT; at least 512
    bool edns = false;
    bool operator==(const Query&) const = default;
};

struct Response {
    Query query;
    Code code = Code::no_error;
    bool authoritative = true;
    std::vector<Record> answers;
    bool operator==(const Response&) const = default;
};

/// nullopt for what can't even be answered (short header, a response); a query with a bad body gives `bad`.
struct BadQuery {
    std::uint16_t id = 0;
    Code code = Code::format_error;
};
using ParsedQuery = std::variant<Query, BadQuery>;
std::optional<ParsedQuery> parse_query(std::span<const std::uint8_t> bytes);

/// The wire form; answers that don't fit into `limit` are left out and TC is set.
std::vector<std::uint8_t> encode(const Response& response, std::size_t limit);
std::vector<std::uint8_t> encode(const BadQuery& bad);
/// A query (id, RD, EDNS size when `edns`).
std::vector<std::uint8_t> encode(const Query& query);

/// A response, for tests and for reading what upstream said. nullopt when malformed.
struct ParsedResponse {
    std::uint16_t id = 0;
    Code code = Code::no_error;
    bool truncated = false;
    bool authoritative = false;
    std::vector<Question> questions;
    std::vector<Record> answers;
};
std::optional<ParsedResponse> parse_response(std::span<const std::uint8_t> bytes);

/// Where the question section ends; nullopt when malformed.
std::optional<std::size_t> end_of_questions(std::span<const std::uint8_t> bytes);
/// Header and question alone with TC set: "ask again over TCP". Empty when malformed.
std::vector<std::uint8_t> truncated(std::span<const std::uint8_t> message);
/// The message as TCP carries it: two octets of length in front (RFC 1035 4.2.2). At most 65535 octets.
std::vector<std::uint8_t> framed(std::span<const std::uint8_t> message);
/// True when `response` is one to `query`: id and question agree.
bool answers(std::span<const std::uint8_t> response, std::span<const std::uint8_t> query);

}  // namespace stack::network::dns
