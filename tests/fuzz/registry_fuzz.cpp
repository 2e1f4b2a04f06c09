// Any bytes as the header values, documents and messages that the registry client reads. The first byte says as what.
// Besides not crashing: what was read keeps to its bounds, and a request reads the same after it was written.
#include "runtime/base/error.hpp"
#include "runtime/image/registry/auth_file.hpp"
#include "runtime/image/registry/base64.hpp"
#include "runtime/image/registry/challenge.hpp"
#include "runtime/image/registry/fetch_protocol.hpp"
#include "runtime/image/registry/http_headers.hpp"
#include "runtime/image/registry/token.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

using namespace stack::registry;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void read_challenges(std::string_view text) {
    const auto challenges = parse_challenges(text);
    require(challenges.size() <= 16);
    for (const Challenge& challenge : challenges)
        require(!challenge.scheme.empty() && challenge.parameters.size() <= 16);
}

void read_headers(std::string_view text) {
    HttpHeaders headers;
    headers.add_line(text);
    if (const auto range = parse_content_range(text))
        require(range->first <= range->last && range->total.value_or(UINT64_MAX) > range->last);
    static_cast<void>(parse_upload_range(text));
    const auto wait = parse_retry_after(text, std::chrono::system_clock::from_time_t(0));
    require(!wait || *wait >= std::chrono::seconds{0});
}

void read_token(std::string_view text) {
    const Token token = parse_token(text);
    for (const char c : token.value) require(c > ' ' && c < '\x7f');
    require(token.lifetime >= std::chrono::seconds{60});
}

void read_request(std::string_view text) {
    const FetchRequest request = decode_request(text);
    require(decode_request(encode_request(request)) == request);
}

void read_auth_file(std::string_view text) {
    const AuthFile file = AuthFile::parse(text, "config.json");
    static_cast<void>(file.find("docker.io", "library/redis"));
    static_cast<void>(file.helper_for("docker.io"));
}

void read_base64(std::string_view text) {
    if (const auto plain = base64_decode(text)) require(base64_decode(base64_encode(*plain)) == plain);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static constexpr void (*kReaders[])(std::string_view) = {read_challenges, read_headers,   read_token,
                                                             read_request,    read_auth_file, read_base64};
    if (size == 0) return 0;
    const std::string_view text{reinterpret_cast<const char*>(data + 1), size - 1};
    try {
        kReaders[data[0] % std::size(kReaders)](text);
    } catch (const stack::Error&) {  // refused, as it should be
    }
    return 0;
}
