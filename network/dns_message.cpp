#include "network/dns_message.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <cstring>

namespace stack::network::dns {

namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kMaxName = 255;  // octets on the wire, RFC 1035 2.3.4
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxRecords = 512;  // a 64 KiB message has no room for more that mean anything
constexpr std::uint16_t kOurUdpSize = 1232;

// Header flags, RFC 1035 4.1.1.
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kAuthoritative = 0x0400;
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kCheckingDisabled = 0x0010;

using Bytes = std::span<const std::uint8_t>;

// Reads forward through a message; every read says whether it was possible.
class Reader {
  public:
    explicit Reader(Bytes bytes) : bytes_{bytes} {}

    [[nodiscard]] std::size_t offset() const { return offset_; }

    bool skip(std::size_t count) {
        if (bytes_.size() - offset_ < count) return false;
        offset_ += count;
        return true;
    }
    bool u8(std::uint8_t& value) {
        if (offset_ >= bytes_.size()) return false;
        value = bytes_[offset_++];
        return true;
    }
    bool u16(std::uint16_t& value) {
        std::uint8_t high = 0;
        std::uint8_t low = 0;
        if (!u8(high) || !u8(low)) return false;
        value = static_cast<std::uint16_t>(high << 8 | low);
        return true;
    }
    bool u32(std::uint32_t& value) {
        std::uint16_t high = 0;
        std::uint16_t low = 0;
        if (!u16(high) || !u16(low)) return false;
        value = static_cast<std::uint32_t>(high) << 16 | low;
        return true;
    }
    bool bytes(std::size_t count, Bytes& value) {
        if (bytes_.size() - offset_ < count) return false;
        value = bytes_.subspan(offset_, count);
        offset_ += count;
        return true;
    }

    // A pointer must lead to before where the part that holds it began: each jump goes further back, so it ends. The
    // header holds no names.
    bool name(std::string& text) {
        text.clear();
        std::size_t position = offset_;
        std::size_t part_start = offset_;
        std::size_t size = 1;
        bool jumped = false;
        for (;;) {
            if (position >= bytes_.size()) return false;
            const std::uint8_t length = bytes_[position];
            if ((length & 0xc0) == 0xc0) {
                if (position + 1 >= bytes_.size()) return false;
                const std::size_t target =
                    static_cast<std::size_t>(length & 0x3f) << 8 | bytes_[position + 1];
                if (target >= part_start || target < kHeaderSize) return false;
                if (!jumped) offset_ = position + 2;
                jumped = true;
                position = part_start = target;
                continue;
            }
            if (length > kMaxLabel) return false;
            size += length + 1u;
            if (size > kMaxName + 1 || bytes_.size() - position - 1 < length) return false;
            if (length == 0) break;
            if (!text.empty()) text += '.';
            for (const std::uint8_t octet : bytes_.subspan(position + 1, length)) append_octet(text, octet);
            position += length + 1u;
        }
        if (!jumped) offset_ = position + 1;
        return true;
    }

  private:
    static void append_octet(std::string& text, std::uint8_t octet) {
        if (octet > 0x20 && octet < 0x7f && octet != '.' && octet != '\\') {
            text += static_cast<char>(octet);
            return;
        }
        text += '\\';
        text += static_cast<char>('0' + octet / 100);
        text += static_cast<char>('0' + octet / 10 % 10);
        text += static_cast<char>('0' + octet % 10);
    }

    Bytes bytes_;
    std::size_t offset_ = 0;
};

class Writer {
  public:
    std::vector<std::uint8_t> out;

    void u8(std::uint8_t value) { out.push_back(value); }
    void u16(std::uint16_t value) {
        u8(static_cast<std::uint8_t>(value >> 8));
        u8(static_cast<std::uint8_t>(value & 0xff));
    }
    void u32(std::uint32_t value) {
        u16(static_cast<std::uint16_t>(value >> 16));
        u16(static_cast<std::uint16_t>(value & 0xffff));
    }
    void set_u16(std::size_t offset, std::uint16_t value) {
        out[offset] = static_cast<std::uint8_t>(value >> 8);
        out[offset + 1] = static_cast<std::uint8_t>(value & 0xff);
    }

    // Labels longer than 63 octets and names longer than 255 are cut: nobody can have asked for them.
    void name(const std::string& text) {
        const std::size_t start = out.size();
        std::vector<std::uint8_t> label;
        const auto flush = [&] {
            if (label.empty() || out.size() - start + label.size() + 2 > kMaxName) return label.clear();
            u8(static_cast<std::uint8_t>(label.size()));
            out.insert(out.end(), label.begin(), label.end());
            label.clear();
        };
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '.') {
                flush();
                continue;
            }
            std::uint8_t octet = static_cast<std::uint8_t>(text[i]);
            if (text[i] == '\\' && i + 3 < text.size()) {
                octet = static_cast<std::uint8_t>((text[i + 1] - '0') * 100 + (text[i + 2] - '0') * 10 +
                                                  (text[i + 3] - '0'));
                i += 3;
            }
            if (label.size() < kMaxLabel) label.push_back(octet);
        }
        flush();
        u8(0);
    }
};

struct Header {
    std::uint16_t id = 0;
    std::uint16_t flags = 0;
    std::uint16_t questions = 0;
    std::uint16_t answers = 0;
    std::uint16_t authorities = 0;
    std::uint16_t additionals = 0;
};

bool read_header(Reader& reader, Header& header) {
    return reader.u16(header.id) && reader.u16(header.flags) && reader.u16(header.questions) &&
           reader.u16(header.answers) && reader.u16(header.authorities) && reader.u16(header.additionals);
}

bool read_question(Reader& reader, Question& question) {
    std::uint16_t type = 0;
    if (!reader.name(question.name) || !reader.u16(type) || !reader.u16(question.klass)) return false;
    question.type = static_cast<Type>(type);
    return true;
}

struct RawRecord {
    std::string name;
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    std::uint32_t ttl = 0;
    std::size_t data_offset = 0;
    Bytes data;
};

bool read_record(Reader& reader, RawRecord& record) {
    std::uint16_t size = 0;
    if (!reader.name(record.name) || !reader.u16(record.type) || !reader.u16(record.klass) ||
        !reader.u32(record.ttl) || !reader.u16(size))
        return false;
    record.data_offset = reader.offset();
    return reader.bytes(size, record.data);
}

}  // namespace

std::optional<ParsedQuery> parse_query(Bytes bytes) {
    Reader reader{bytes};
    Header header;
    if (!read_header(reader, header) || (header.flags & kResponse)) return std::nullopt;
    const std::uint8_t opcode = header.flags >> 11 & 0xf;
    if (opcode != 0) return BadQuery{header.id, Code::not_implemented};
    const BadQuery bad{header.id, Code::format_error};
    Query query;
    query.id = header.id;
    query.recursion_desired = (header.flags & kRecursionDesired) != 0;
    query.checking_disabled = (header.flags & kCheckingDisabled) != 0;
    if (header.questions != 1 || !read_question(reader, query.question)) return bad;
    const std::size_t rest = std::size_t{header.answers} + header.authorities + header.additionals;
    if (rest > kMaxRecords) return bad;
    for (std::size_t i = 0; i < rest; ++i) {
        RawRecord record;
        if (!read_record(reader, record)) return bad;
        if (record.type != static_cast<std::uint16_t>(Type::opt)) continue;
        query.edns = true;
        query.udp_size = std::max<std::size_t>(record.klass, kPlainUdpSize);  // OPT's class is the size
    }
    return query;
}

namespace {

void write_header(Writer& writer, const Header& header) {
    for (const std::uint16_t value :
         {header.id, header.flags, header.questions, header.answers, header.authorities, header.additionals})
        writer.u16(value);
}

void write_question(Writer& writer, const Question& question) {
    writer.name(question.name);
    writer.u16(static_cast<std::uint16_t>(question.type));
    writer.u16(question.klass);
}

void write_opt(Writer& writer, std::size_t udp_size) {
    writer.u8(0);  // the root
    writer.u16(static_cast<std::uint16_t>(Type::opt));
    writer.u16(static_cast<std::uint16_t>(udp_size));
    writer.u32(0);
    writer.u16(0);
}

struct WriteData {
    Writer& writer;
    void operator()(const Ipv4& address) const { writer.u32(address.value); }
    void operator()(const Aaaa& address) const {
        writer.out.insert(writer.out.end(), address.begin(), address.end());
    }
    void operator()(const Raw& raw) const { writer.out.insert(writer.out.end(), raw.begin(), raw.end()); }
    void operator()(const Ptr& pointer) const { writer.name(pointer.target); }
    void operator()(const Srv& service) const {
        writer.u16(service.priority);
        writer.u16(service.weight);
        writer.u16(service.port);
        writer.name(service.target);
    }
    void operator()(const Txt& text) const {
        for (const std::string& part : text.strings) {
            const std::size_t size = std::min<std::size_t>(part.size(), 255);
            writer.u8(static_cast<std::uint8_t>(size));
            writer.out.insert(writer.out.end(), part.begin(),
                              part.begin() + static_cast<std::ptrdiff_t>(size));
        }
    }
};

void write_record(Writer& writer, const Record& record, const Question& question) {
    if (record.name == question.name) {
        writer.u16(0xc000 | kHeaderSize);  // the question's name, right behind the header
    } else {
        writer.name(record.name);
    }
    writer.u16(static_cast<std::uint16_t>(record.type));
    writer.u16(kClassIn);
    writer.u32(record.ttl_seconds);
    const std::size_t size_at = writer.out.size();
    writer.u16(0);
    std::visit(WriteData{writer}, record.data);
    writer.set_u16(size_at, static_cast<std::uint16_t>(writer.out.size() - size_at - 2));
}

constexpr std::size_t kOptSize = 11;

}  // namespace

std::vector<std::uint8_t> encode(const Response& response, std::size_t limit) {
    const Query& query = response.query;
    Header header{query.id, kResponse | kRecursionAvailable, 1, 0, 0, 0};
    header.flags |= static_cast<std::uint16_t>(response.code);
    if (response.authoritative) header.flags |= kAuthoritative;
    if (query.recursion_desired) header.flags |= kRecursionDesired;
    if (query.checking_disabled) header.flags |= kCheckingDisabled;
    header.additionals = query.edns ? 1 : 0;
    Writer writer;
    write_header(writer, header);
    write_question(writer, query.question);
    const std::size_t room = limit - std::min(limit, query.edns ? kOptSize : 0);
    std::uint16_t count = 0;
    for (const Record& record : response.answers) {
        const std::size_t before = writer.out.size();
        write_record(writer, record, query.question);
        if (writer.out.size() > room) {
            writer.out.resize(before);
            header.flags |= kTruncated;
            break;
        }
        ++count;
    }
    if (query.edns) write_opt(writer, kOurUdpSize);
    writer.set_u16(2, header.flags);
    writer.set_u16(6, count);
    return std::move(writer.out);
}

std::vector<std::uint8_t> encode(const BadQuery& bad) {
    Writer writer;
    const auto flags =
        static_cast<std::uint16_t>(kResponse | kRecursionAvailable | static_cast<std::uint16_t>(bad.code));
    write_header(writer, Header{bad.id, flags, 0, 0, 0, 0});
    return std::move(writer.out);
}

std::vector<std::uint8_t> encode(const Query& query) {
    Writer writer;
    Header header{query.id, 0, 1, 0, 0, static_cast<std::uint16_t>(query.edns ? 1 : 0)};
    if (query.recursion_desired) header.flags |= kRecursionDesired;
    if (query.checking_disabled) header.flags |= kCheckingDisabled;
    write_header(writer, header);
    write_question(writer, query.question);
    if (query.edns) write_opt(writer, query.udp_size);
    return std::move(writer.out);
}

namespace {

// Names inside data may point anywhere before it, so they are read from the whole message.
bool read_name_at(Bytes message, std::size_t offset, std::string& name) {
    Reader reader{message};
    return reader.skip(offset) && reader.name(name);
}

bool read_txt(Bytes data, Txt& text) {
    Reader reader{data};
    while (reader.offset() < data.size()) {
        std::uint8_t size = 0;
        Bytes part;
        if (!reader.u8(size) || !reader.bytes(size, part)) return false;
        text.strings.emplace_back(part.begin(), part.end());
    }
    return true;
}

bool read_srv(Bytes message, const RawRecord& raw, Srv& service) {
    Reader reader{raw.data};
    return reader.u16(service.priority) && reader.u16(service.weight) && reader.u16(service.port) &&
           read_name_at(message, raw.data_offset + 6, service.target);
}

bool read_data(Bytes message, const RawRecord& raw, Data& data) {
    Reader reader{raw.data};
    switch (static_cast<Type>(raw.type)) {
        case Type::a:
            return raw.data.size() == 4 && reader.u32(data.emplace<Ipv4>().value);
        case Type::aaaa:
            if (raw.data.size() != 16) return false;
            std::copy(raw.data.begin(), raw.data.end(), data.emplace<Aaaa>().begin());
            return true;
        case Type::ptr:
        case Type::ns:
        case Type::cname:
            return read_name_at(message, raw.data_offset, data.emplace<Ptr>().target);
        case Type::srv:
            return read_srv(message, raw, data.emplace<Srv>());
        case Type::txt:
            return read_txt(raw.data, data.emplace<Txt>());
        default:
            data.emplace<Raw>(raw.data.begin(), raw.data.end());
            return true;
    }
}

}  // namespace

std::optional<ParsedResponse> parse_response(Bytes bytes) {
    Reader reader{bytes};
    Header header;
    if (!read_header(reader, header) || !(header.flags & kResponse)) return std::nullopt;
    ParsedResponse result;
    result.id = header.id;
    result.code = static_cast<Code>(header.flags & 0xf);
    result.truncated = (header.flags & kTruncated) != 0;
    result.authoritative = (header.flags & kAuthoritative) != 0;
    if (std::size_t{header.questions} + header.answers > kMaxRecords) return std::nullopt;
    for (int i = 0; i < header.questions; ++i) {
        if (!read_question(reader, result.questions.emplace_back())) return std::nullopt;
    }
    for (int i = 0; i < header.answers; ++i) {
        RawRecord raw;
        Record record;
        if (!read_record(reader, raw) || !read_data(bytes, raw, record.data)) return std::nullopt;
        record.name = std::move(raw.name);
        record.type = static_cast<Type>(raw.type);
        record.ttl_seconds = raw.ttl;
        result.answers.push_back(std::move(record));
    }
    return result;
}

std::optional<std::size_t> end_of_questions(Bytes bytes) {
    Reader reader{bytes};
    Header header;
    if (!read_header(reader, header) || header.questions > kMaxRecords) return std::nullopt;
    for (int i = 0; i < header.questions; ++i) {
        Question question;
        if (!read_question(reader, question)) return std::nullopt;
    }
    return reader.offset();
}

std::vector<std::uint8_t> truncated(Bytes message) {
    const std::optional<std::size_t> end = end_of_questions(message);
    if (!end) return {};
    Writer writer;
    writer.out.assign(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(*end));
    writer.set_u16(2, static_cast<std::uint16_t>(writer.out[2] << 8 | writer.out[3] | kTruncated));
    for (const std::size_t count : {6u, 8u, 10u}) writer.set_u16(count, 0);
    return std::move(writer.out);
}

std::vector<std::uint8_t> framed(Bytes message) {
    Writer writer;
    writer.out.reserve(message.size() + 2);
    writer.u16(static_cast<std::uint16_t>(message.size()));
    for (const std::uint8_t octet : message) writer.u8(octet);
    return std::move(writer.out);
}

bool answers(Bytes response, Bytes query) {
    const std::optional<std::size_t> end = end_of_questions(query);
    if (!end || response.size() < *end || end_of_questions(response) != end) return false;
    const bool is_response = (response[2] & 0x80) != 0;
    const bool same_id = response[0] == query[0] && response[1] == query[1];
    const bool one_each = response[4] == query[4] && response[5] == query[5];
    // The name's case may come back changed; nothing else may.
    const auto lower = [](std::uint8_t octet) { return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet; };
    const bool same_question = std::equal(
        query.begin() + kHeaderSize, query.begin() + static_cast<std::ptrdiff_t>(*end),
        response.begin() + kHeaderSize, [&](std::uint8_t a, std::uint8_t b) { return lower(a) == lower(b); });
    return is_response && same_id && one_each && same_question;
}

}  // namespace stack::network::dns
