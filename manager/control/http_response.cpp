#include "manager/control/http_response.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::control {

namespace {

constexpr std::size_t kLineLimit = 16 * 1024;
constexpr std::size_t kHeaderLimit = 64 * 1024;
constexpr std::size_t kBodyLimit = 64u << 20;  ///< bytes that nobody has taken yet

[[noreturn]] void fail(std::string_view what) {
    throw Error{ErrorKind::failed, fmt::format("the supervisor's answer is not valid: {}", what)};
}

/// The size before a chunk: hex digits, perhaps an extension after `;`. nullopt when malformed or absurd.
std::optional<std::size_t> parse_chunk_size(std::string_view line) {
    const std::string_view digits = trim(line.substr(0, line.find(';')));
    if (digits.empty() || digits.size() > 8) return std::nullopt;
    std::size_t size = 0;
    for (const char c : digits) {
        const auto value = [c]() -> int {
            if (c >= '0' && c <= '9') return c - '0';
            if (c >= 'a' && c <= 'f') return c - 'a' + 10;
            if (c >= 'A' && c <= 'F') return c - 'A' + 10;
            return -1;
        }();
        if (value < 0) return std::nullopt;
        size = size * 16 + static_cast<std::size_t>(value);
    }
    return size;
}

}  // namespace

const std::string* HttpResponseParser::header(const std::string& name) const {
    const auto found = headers_.find(name);
    return found == headers_.end() ? nullptr : &found->second;
}

void HttpResponseParser::feed(std::string_view bytes) {
    input_ += bytes;
    while (step()) {
    }
    if (body_.size() > kBodyLimit) fail("the body is too large");
}

void HttpResponseParser::feed_end() {
    if (state_ == State::until_end) state_ = State::complete;
    if (state_ != State::complete)
        throw Error{ErrorKind::failed, "the supervisor closed the connection in the middle of its answer"};
}

/// One transition; false when more bytes are needed.
bool HttpResponseParser::step() {
    switch (state_) {
        case State::status_line: {
            const std::optional<std::string> line = line_from_input(kLineLimit);
            if (!line) return false;
            parse_status_line(*line);
            state_ = State::headers;
            return true;
        }
        case State::headers: {
            const std::optional<std::string> line = line_from_input(kLineLimit);
            if (!line) return false;
            if (line->empty())
                choose_body();
            else
                parse_header(*line);
            return true;
        }
        case State::chunk_size: {
            const std::optional<std::string> line = line_from_input(kLineLimit);
            if (!line) return false;
            const std::optional<std::size_t> size = parse_chunk_size(*line);
            if (!size) fail("a chunk has no size");
            remaining_ = *size;
            state_ = remaining_ == 0 ? State::trailers : State::chunk_data;
            return true;
        }
        case State::chunk_data:
            if (!move_to_body(remaining_)) return false;
            state_ = State::chunk_end;
            return true;
        case State::chunk_end: {
            const std::optional<std::string> line = line_from_input(2);
            if (!line) return false;
            if (!line->empty()) fail("a chunk is longer than it says");
            state_ = State::chunk_size;
            return true;
        }
        case State::trailers: {
            const std::optional<std::string> line = line_from_input(kLineLimit);
            if (!line) return false;
            if (line->empty()) state_ = State::complete;
            return true;
        }
        case State::length:
            if (!move_to_body(remaining_)) return false;
            state_ = State::complete;
            return true;
        case State::until_end:
            body_ += std::exchange(input_, {});
            return false;
        case State::complete:
            return false;
    }
    return false;
}

/// Moves up to `count` bytes and lowers remaining_; true when all of them have come.
bool HttpResponseParser::move_to_body(std::size_t count) {
    const std::size_t now = std::min(count, input_.size());
    body_.append(input_, 0, now);
    input_.erase(0, now);
    remaining_ -= now;
    return remaining_ == 0;
}

std::optional<std::string> HttpResponseParser::line_from_input(std::size_t limit) {
    const std::size_t end = input_.find('\n');
    if (end == std::string::npos) {
        if (input_.size() > limit) fail("a line is too long");
        return std::nullopt;
    }
    if (end > limit) fail("a line is too long");
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

void HttpResponseParser::parse_status_line(std::string_view line) {
    if (!line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.0 ")) fail("no HTTP status line");
    const std::optional<long long> status = parse_int(line.substr(9, 3));
    if (!status || *status < 100 || *status > 599) fail("no HTTP status");
    status_ = static_cast<int>(*status);
}

void HttpResponseParser::parse_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > kHeaderLimit) fail("the headers are too large");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) fail("a header has no name");
    headers_[to_lower(line.substr(0, colon))] = std::string{trim(line.substr(colon + 1))};
}

/// RFC 9112 section 6.3, as far as answers to GET and POST need it.
void HttpResponseParser::choose_body() {
    if (status_ == 100) {  // an interim answer: the real one follows
        headers_.clear();
        state_ = State::status_line;
        return;
    }
    if (status_ == 101 || status_ == 204 || status_ == 304) {
        state_ = State::complete;
        return;
    }
    if (const std::string* coding = header("transfer-encoding")) {
        if (to_lower(*coding) != "chunked") fail("an unknown transfer encoding");
        state_ = State::chunk_size;
        return;
    }
    if (const std::string* length = header("content-length")) {
        const std::optional<long long> value = parse_int(*length);
        if (!value || *value < 0 || static_cast<unsigned long long>(*value) > kBodyLimit)
            fail("a bad content length");
        remaining_ = static_cast<std::size_t>(*value);
        state_ = State::length;
        return;
    }
    state_ = State::until_end;
}

std::string HttpResponseParser::take_body() {
    return std::exchange(body_, {});
}

std::optional<std::string> HttpResponseParser::take_line() {
    const std::size_t end = body_.find('\n');
    if (end == std::string::npos) {
        if (!complete() || body_.empty()) return std::nullopt;
        return std::exchange(body_, {});
    }
    std::string line = body_.substr(0, end);
    body_.erase(0, end + 1);
    return line;
}

std::string HttpResponseParser::take_rest() {
    return std::exchange(input_, {});
}

}  // namespace stack::control
