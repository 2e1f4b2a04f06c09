#include "manager/logs/log_files.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::logs {

namespace {

// N of NAME.N.SUFFIX.
std::optional<std::uint64_t> number_in(std::string_view file, std::string_view name,
                                       std::string_view suffix) {
    if (!file.starts_with(name) || !file.ends_with(suffix)) return std::nullopt;
    file.remove_prefix(name.size());
    if (file.size() <= suffix.size() + 1 || file.front() != '.') return std::nullopt;
    const std::string_view digits = file.substr(1, file.size() - 1 - suffix.size());
    const bool plain = std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!plain || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
    const std::optional<long long> value = parse_int(digits);
    if (!value) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
}

}  // namespace

std::string log_file_name(std::string_view name, std::uint64_t generation) {
    return fmt::format("{}.{}.log", name, generation);
}

std::string index_file_name(std::string_view name, std::uint64_t generation) {
    return fmt::format("{}.{}.idx", name, generation);
}

std::optional<std::uint64_t> generation_of(std::string_view file, std::string_view name) {
    return number_in(file, name, ".log");
}

std::vector<std::uint64_t> list_generations(const std::string& directory, std::string_view name) {
    std::vector<std::uint64_t> result;
    for (const std::string& file : list_directory(directory))
        if (const std::optional<std::uint64_t> n = generation_of(file, name)) result.push_back(*n);
    std::sort(result.begin(), result.end());
    return result;
}

void remove_log(const std::string& directory, std::string_view name) {
    for (const std::string& file : list_directory(directory)) {
        if (!number_in(file, name, ".log") && !number_in(file, name, ".idx")) continue;
        const std::string path = directory + '/' + file;
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno(fmt::format("remove '{}'", path));
    }
}

}  // namespace stack::logs
