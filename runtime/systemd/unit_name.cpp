#include "runtime/systemd/unit_name.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace stack::systemd {

namespace {

constexpr std::size_t kLongestUnitName = 255;

void check_unit_name(const std::string& name, std::string_view suffix) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view{":_.@-\\"}.find(c) != std::string_view::npos;
    });
    if (!plain || name.size() > kLongestUnitName || name.size() <= suffix.size() || !name.ends_with(suffix))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("'{}' is not the name of a systemd unit ending in {}", name, suffix)};
}

}  // namespace

ScopeName parse_scope_name(std::string_view cgroups_path, std::string_view id, bool user) {
    std::vector<std::string> parts{"", "stack-runtime", std::string{id}};
    if (!cgroups_path.empty()) parts = split(cgroups_path, ':');
    if (parts.size() != 3 || parts[2].empty())
        throw Error{
            ErrorKind::invalid_input,
            fmt::format("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, "
                        "got \"{}\" instead",
                        cgroups_path)};
    if (parts[2].ends_with(".slice"))
        throw Error{ErrorKind::not_supported,
                    fmt::format("a container can't be the slice '{}' itself", parts[2])};
    ScopeName name;
    name.slice = !parts[0].empty() ? parts[0] : user ? "user.slice" : "system.slice";
    name.unit = (parts[1].empty() ? "" : parts[1] + '-') + parts[2];
    if (!name.unit.ends_with(".scope")) name.unit += ".scope";
    check_unit_name(name.slice, ".slice");
    check_unit_name(name.unit, ".scope");
    return name;
}

}  // namespace stack::systemd
