// What an HTTP answer that is no success means to the user (distribution-spec, "Error Codes"). Pure.
#pragma once

#include "runtime/base/error.hpp"
#include "runtime/image/registry/http_session.hpp"

#include <chrono>
#include <exception>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace stack::registry {

/// A try that failed, and what may help. Thrown inside the fetcher; only `error` leaves it.
struct AttemptFailure : std::exception {
    enum class Remedy {
        none,   ///< it would fail again
        again,  ///< the same request may work later
    };
    AttemptFailure(Error what, Remedy help) : error{std::move(what)}, remedy{help} {}
    [[nodiscard]] const char* what() const noexcept override { return error.what(); }

    Error error;
    Remedy remedy;
    std::optional<std::chrono::seconds> retry_after;  ///< as the server asked
};

/// What was asked for, as a message names it.
struct Subject {
    std::string registry;  ///< docker.io, or a mirror's host
    std::string thing;     ///< `image 'redis:7'`, `blob sha256:…`
};

/// `status`: 300 or more, as no success. `body`: JSON of the distribution specification, or anything.
AttemptFailure failure_of_answer(int status, std::string_view body, const Subject& subject);

/// Throws the AttemptFailure of an answer whose status is not among `successes`.
void check_success(const HttpAnswer& answer, std::initializer_list<int> successes, const Subject& subject);

/// Foreign text fit for a terminal: one line without control characters, of a sane length.
std::string one_line(std::string_view text);

/// `DENIED: you may not` of an error body, made fit for a terminal; empty when it has none.
std::string error_text(std::string_view body);

}  // namespace stack::registry
