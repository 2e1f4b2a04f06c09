#include "tests/support/processes.hpp"

#include "runtime/base/text.hpp"
#include "tests/support/slurp.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

namespace stack::test {

namespace {

bool belongs(const std::string& proc, std::string_view directory) {
    for (const char* file : {"/cmdline", "/environ", "/mountinfo"})
        if (slurp(proc + file).find(directory) != std::string::npos) return true;
    return false;
}

// proc(5): the state letter follows the name, which is in parentheses and may hold any character.
bool has_ended(const std::string& proc) {
    const std::string stat = slurp(proc + "/stat");
    const std::size_t name_end = stat.rfind(')');
    return name_end == std::string::npos || name_end + 2 >= stat.size() || stat[name_end + 2] == 'Z' ||
           stat[name_end + 2] == 'X';
}

}  // namespace

std::vector<ProcessFacts> processes_of(std::string_view directory) {
    std::vector<ProcessFacts> found;
    std::error_code gone;
    for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator{"/proc", gone}) {
        const std::optional<long long> pid = parse_int(entry.path().filename().string());
        const std::string proc = entry.path().string();
        if (!pid || *pid == ::getpid() || !belongs(proc, directory) || has_ended(proc)) continue;
        ProcessFacts facts;
        facts.pid = static_cast<int>(*pid);
        facts.name = trim(slurp(proc + "/comm"));
        const std::string arguments = slurp(proc + "/cmdline");
        if (!arguments.empty()) facts.arguments = split(arguments.substr(0, arguments.size() - 1), '\0');
        found.push_back(std::move(facts));
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.pid < b.pid; });
    return found;
}

bool catches(std::string_view status, int signal) {
    constexpr std::string_view kField = "\nSigCgt:\t";  // 16 hexadecimal digits, the last bit for signal 1
    const std::size_t field = status.find(kField);
    if (field == std::string_view::npos) return false;
    const std::string mask{status.substr(field + kField.size(), 16)};
    return (std::stoull(mask, nullptr, 16) >> (signal - 1) & 1) != 0;
}

}  // namespace stack::test
