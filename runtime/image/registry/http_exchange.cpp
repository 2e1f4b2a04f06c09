#include "runtime/image/registry/http_exchange.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::registry {

namespace {
constexpr std::size_t kMaxHeaderBytes = 256u << 10;
}

void HttpExchange::take_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > kMaxHeaderBytes)
        throw TransportFailure{TransportFailure::Cause::too_large,
                               "the headers of the answer are larger than 256 KiB"};
    if (line.starts_with("HTTP/")) {  // `HTTP/1.1 200 OK`, maybe after a 100 Continue
        answer_.headers.clear();
        const std::string_view rest = line.substr(std::min(line.find(' ') + 1, line.size()));
        answer_.status = static_cast<int>(parse_int(rest.substr(0, 3)).value_or(0));
    }
    answer_.headers.add_line(line);
}

bool HttpExchange::take_body(std::span<const std::byte> bytes) {
    if (!std::exchange(body_begun_, true) && success() && request_.take_body)
        sink_ = request_.take_body(answer_);
    if (sink_) {
        sink_(bytes);
        return true;
    }
    const std::size_t room = request_.max_body - answer_.body.size();
    answer_.body.append(reinterpret_cast<const char*>(bytes.data()), std::min(room, bytes.size()));
    if (bytes.size() <= room) return true;
    if (success())
        throw TransportFailure{TransportFailure::Cause::too_large,
                               fmt::format("the answer is larger than {} bytes", request_.max_body)};
    dropped_ = true;
    return false;
}

std::size_t HttpExchange::give(std::span<char> into) {
    const std::uint64_t size = request_.file >= 0 ? request_.file_size : request_.body.size();
    const std::size_t wanted = std::min<std::uint64_t>(into.size(), size - sent_);
    if (request_.file < 0) {
        std::copy_n(request_.body.data() + sent_, wanted, into.data());
        sent_ += wanted;
        return wanted;
    }
    const ssize_t got =
        ::pread(request_.file, into.data(), wanted, static_cast<off_t>(request_.file_offset + sent_));
    if (got < 0) throw_errno("read what is uploaded");
    if (got == 0 && wanted > 0) throw Error{ErrorKind::failed, "the file that is uploaded became shorter"};
    sent_ += static_cast<std::uint64_t>(got);
    if (request_.sent) request_.sent(sent_);
    return static_cast<std::size_t>(got);
}

void HttpExchange::check_cancelled() const {
    if (keep_going_ && !keep_going_())
        throw TransportFailure{TransportFailure::Cause::cancelled, "cancelled"};
}

}  // namespace stack::registry
