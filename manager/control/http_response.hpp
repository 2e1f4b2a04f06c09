// Reads one HTTP/1.1 response (RFC 9112) as bytes arrive: status line, headers, then a body that is chunked,
// of a known length, or ends with the connection. Pure; knows no socket. Everything is bounded, for the peer
// may be anybody.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace stack::control {

class HttpResponseParser {
  public:
    /// Takes the next bytes. Throws Error(failed) for what is no HTTP/1.1 response or exceeds a bound.
    void feed(std::string_view bytes);
    /// The peer closed the connection. Throws Error(failed) when that cuts the response short.
    void feed_end();

    [[nodiscard]] bool headers_complete() const { return state_ > State::headers; }
    /// The whole body has been fed. A 101 answer is complete with its headers.
    [[nodiscard]] bool complete() const { return state_ == State::complete; }
    [[nodiscard]] int status() const { return status_; }
    /// By lower-case name; nullptr when the header was not sent.
    [[nodiscard]] const std::string* header(const std::string& name) const;

    /// Body bytes fed since the last call.
    std::string take_body();
    /// The next full line of the body, without its newline; at the end also a last line that lacks one.
    std::optional<std::string> take_line();
    /// Bytes after a 101 answer's headers; they belong to the upgraded protocol.
    std::string take_rest();

  private:
    enum class State {
        status_line,
        headers,
        chunk_size,
        chunk_data,
        chunk_end,
        trailers,
        length,
        until_end,
        complete
    };
    bool step();
    std::optional<std::string> line_from_input(std::size_t limit);
    void parse_status_line(std::string_view line);
    void parse_header(std::string_view line);
    void choose_body();
    bool move_to_body(std::size_t count);

    State state_ = State::status_line;
    std::string input_, body_;
    std::size_t remaining_ = 0;
    std::size_t header_bytes_ = 0;
    int status_ = 0;
    std::map<std::string, std::string> headers_;
};

}  // namespace stack::control
