// Any bytes as a query to the project's DNS and as a response from upstream. Besides not crashing: what was read is
// written so that it reads the same, and an answer keeps to its limit.
#include "network/dns_message.hpp"
#include "network/dns_zone.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

using namespace stack::network;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

dns::Zone make_zone() {
    EndpointSpec seat;
    seat.network = "front";
    seat.names = {"web", "a"};
    dns::Zone zone;
    for (int i = 2; i < 60; ++i) {
        seat.ip = "10.0.0." + std::to_string(i);
        zone.set(std::to_string(i), {seat});
    }
    return zone;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const dns::Zone zone = make_zone();
    static const dns::Asker asker{{"front"}, true};
    const std::span<const std::uint8_t> bytes{data, size};
    if (const std::optional<dns::ParsedQuery> parsed = dns::parse_query(bytes)) {
        if (const auto* query = std::get_if<dns::Query>(&*parsed)) {
            const std::vector<std::uint8_t> written = dns::encode(*query);
            const std::optional<dns::ParsedQuery> again = dns::parse_query(written);
            require(again && std::get<dns::Query>(*again).question == query->question);
            const auto first = [](std::size_t) -> std::size_t { return 0; };
            if (const std::optional<dns::Response> response = zone.answer(*query, asker, first)) {
                const std::vector<std::uint8_t> answer = dns::encode(*response, dns::kPlainUdpSize);
                require(answer.size() <= dns::kPlainUdpSize);
                require(dns::parse_response(answer).has_value() && dns::answers(answer, written));
            }
        }
    }
    if (const std::optional<dns::ParsedResponse> response = dns::parse_response(bytes))
        require(response->answers.size() <= 512);
    const std::vector<std::uint8_t> cut = dns::truncated(bytes);
    require(cut.size() <= size && (cut.empty() || dns::end_of_questions(cut).has_value()));
    static_cast<void>(dns::answers(bytes, bytes.subspan(0, size / 2)));
    return 0;
}
