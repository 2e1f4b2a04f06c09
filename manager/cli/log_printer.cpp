#include "manager/cli/log_printer.hpp"

#include "runtime/base/units.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace stack::cli {

namespace {

/// Round robin in the order in which containers appear.
constexpr std::array<std::string_view, 10> kColours{"36",   "33",   "32",   "35",   "34",
                                                    "36;1", "33;1", "32;1", "35;1", "34;1"};

}  // namespace

std::string log_name(const std::string& project, const std::string& service, int number,
                     const std::string& name) {
    const std::string usual = fmt::format("{}-{}-{}", project, service, number);
    return name == usual ? fmt::format("{}-{}", service, number) : name;
}

void LogFormatter::add(const std::string& name) {
    const bool is_new = members_.try_emplace(name, Member{{}, members_.size()}).second;
    if (!is_new) return;
    width_ = std::max(width_, name.size());
    for (auto& [member_name, member] : members_) rebuild_prefix(member_name, member);
}

void LogFormatter::rebuild_prefix(const std::string& name, Member& member) const {
    member.prefix.clear();
    if (!style_.prefix) return;
    // one column more than the longest name, then a space: the width scripts have learnt to cut off
    const std::string column = fmt::format("{:{}} | ", name, width_ + 1);
    if (style_.colour)
        member.prefix = fmt::format("\x1b[{}m{}\x1b[0m", kColours[member.index % kColours.size()], column);
    else
        member.prefix = column;
}

std::string LogFormatter::line(const std::string& name, std::string_view text,
                               std::chrono::system_clock::time_point time) {
    add(name);
    std::string result = members_.find(name)->second.prefix;
    if (style_.timestamps) result += format_time(time) + " ";
    result += text;
    result += '\n';
    return result;
}

std::string LogFormatter::exit_line(const std::string& name, int exit_code, bool restarting) const {
    return fmt::format("{} exited with code {}{}\n", name, exit_code, restarting ? " (restarting)" : "");
}

}  // namespace stack::cli
