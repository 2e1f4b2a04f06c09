#include "runtime/image/registry/registry_error.hpp"

#include "runtime/image/json_fields.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::registry {

namespace {

using Remedy = AttemptFailure::Remedy;
constexpr std::size_t kMaxErrorBody = 64u << 10;

std::string with_reason(std::string sentence, const std::string& reason) {
    return reason.empty() ? sentence : sentence + ": " + reason;
}

}  // namespace

std::string one_line(std::string_view text) {
    constexpr std::size_t kShown = 300;
    std::string result;
    for (const char c : text.substr(0, kShown))
        result += static_cast<unsigned char>(c) < 0x20 || c == '\x7f' ? ' ' : c;
    if (text.size() > kShown) result += "…";
    return result;
}

std::string error_text(std::string_view body) {
    try {
        const nlohmann::json document = json_fields::parse_object(body, "the answer", kMaxErrorBody);
        if (const nlohmann::json* errors = json_fields::array(document, "errors", 100);
            errors != nullptr && !errors->empty() && errors->front().is_object()) {
            const std::string code = json_fields::string(errors->front(), "code");
            const std::string message = json_fields::string(errors->front(), "message");
            if (code.empty() || message.empty()) return one_line(code + message);
            return one_line(code + ": " + message);
        }
        for (const char* key : {"details", "message", "error_description", "error"})  // token servers
            if (std::string text = json_fields::string(document, key); !text.empty()) return one_line(text);
    } catch (const Error&) {  // not JSON, or not of this form: the status says enough
    }
    return {};
}

AttemptFailure failure_of_answer(int status, std::string_view body, const Subject& subject) {
    const std::string reason = error_text(body);
    const auto failure = [&](ErrorKind kind, const std::string& sentence, Remedy remedy = Remedy::none) {
        return AttemptFailure{Error{kind, with_reason(sentence, reason)}, remedy};
    };
    switch (status) {
        case 401:
        case 403:
        case 404: {
            AttemptFailure result =
                failure(status == 404 ? ErrorKind::not_found : ErrorKind::permission,
                        fmt::format("{} does not exist in registry {}, or you may not read it", subject.thing,
                                    subject.registry));
            result.error.with_hint(
                fmt::format("check the name; for a private image: stack login {}", subject.registry));
            return result;
        }
        case 429: {
            AttemptFailure result = failure(
                ErrorKind::failed,
                fmt::format("registry {} wants fewer requests from this address (429)", subject.registry),
                Remedy::again);
            result.error.with_hint(fmt::format(
                "wait a while; registries allow more to who is logged in: stack login {}", subject.registry));
            return result;
        }
        case 408:
        case 500:
        case 502:
        case 503:
        case 504:
            return failure(ErrorKind::failed,
                           fmt::format("registry {} is in trouble (HTTP {}) at {}", subject.registry, status,
                                       subject.thing),
                           Remedy::again);
        default:
            return failure(ErrorKind::failed,
                           fmt::format("registry {} answered HTTP {} to the request for {}", subject.registry,
                                       status, subject.thing));
    }
}

void check_success(const HttpAnswer& answer, std::initializer_list<int> successes, const Subject& subject) {
    if (std::find(successes.begin(), successes.end(), answer.status) != successes.end()) return;
    AttemptFailure failure = failure_of_answer(answer.status, answer.body, subject);
    failure.retry_after =
        parse_retry_after(answer.headers.value("retry-after"), std::chrono::system_clock::now());
    throw failure;
}

}  // namespace stack::registry
