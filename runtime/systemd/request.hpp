// What `stack-systemd` is asked on its standard input, and what it answers: JSON documents.
#pragma once

#include "runtime/base/error.hpp"
#include "runtime/systemd/property.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace stack::systemd {

struct Request {
    enum class Action { start, set, end };
    Action action = Action::start;
    std::string unit;
    bool user = false;  ///< the user's own manager instead of the system's
    std::vector<Property> properties;
    bool operator==(const Request&) const = default;
};

/// Throws Error(invalid_input) for text that is not UTF-8, which D-Bus has no place for.
std::string request_text(const Request& request);
/// Throws Error(invalid_input).
Request parse_request(std::string_view text);

std::string failure_text(const Error& error);
/// The error of such a text. Throws Error(invalid_input) for any other.
Error parse_failure(std::string_view text);

}  // namespace stack::systemd
