#include "runtime/oci/container_id.hpp"

#include "runtime/base/error.hpp"

#include <fmt/format.h>

namespace stack::oci {

void check_container_id(std::string_view id) {
    constexpr std::string_view kAllowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-";
    const auto invalid = [&](const std::string& why) {
        return Error{ErrorKind::invalid_input,
                     fmt::format("invalid container ID format \"{}\": {}", id.substr(0, 80), why)}
            .with_hint("container IDs consist of letters, digits and _+.-");
    };
    if (id.empty()) throw invalid("it is empty");
    if (id.size() > 255) throw invalid("it is longer than 255 characters");
    if (id == "." || id == "..") throw invalid("it is the name of a directory");
    const std::size_t wrong = id.find_first_not_of(kAllowed);
    if (wrong != std::string_view::npos)
        throw invalid(fmt::format("invalid character at position {}", wrong + 1));
}

}  // namespace stack::oci
