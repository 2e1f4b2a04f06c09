#include "runtime/cgroup_files.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <memory>

namespace stack::cgroup_files {

UniqueFd open_below(int dir, const char* name, int flags) {
    return UniqueFd{::openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW)};
}

UniqueFd open_subdirectory(int dir, const std::string& name) {
    return open_below(dir, name.c_str(), O_RDONLY | O_DIRECTORY);
}

std::optional<std::string> read_at(int dir, const char* file) {
    const UniqueFd fd = open_below(dir, file, O_RDONLY);
    if (!fd.valid()) return std::nullopt;
    try {
        return read_all(fd.get(), file);
    } catch (const Error&) {  // ENODEV: the cgroup was removed meanwhile; EOPNOTSUPP: a threaded one
        return std::nullopt;
    }
}

int write_at(int dir, const std::string& file, std::string_view value) {
    const UniqueFd fd = open_below(dir, file.c_str(), O_WRONLY);
    if (!fd.valid()) return errno;
    while (::write(fd.get(), value.data(), value.size()) < 0)
        if (errno != EINTR) return errno;
    return 0;
}

std::vector<std::string> child_groups(int dir) {
    UniqueFd listing = open_below(dir, ".", O_RDONLY | O_DIRECTORY);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{listing.valid() ? ::fdopendir(listing.get()) : nullptr,
                                                     ::closedir};
    std::vector<std::string> names;
    if (!stream) return names;
    static_cast<void>(listing.release());
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view name{entry->d_name};
        if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
    }
    return names;
}

// One descriptor and no recursion: the depth is a container's choice.
int walk_groups(int dir, const std::function<void(int dir)>& enter,
                const std::function<int(int parent, const std::string& name)>& leave) {
    std::vector<std::vector<std::string>> levels{
        child_groups(dir)};  // what is left to do in each, last first
    UniqueFd at = open_subdirectory(dir, ".");
    while (at.valid()) {
        if (!levels.back().empty()) {
            UniqueFd child = open_subdirectory(at.get(), levels.back().back());
            if (!child.valid()) {
                levels.back().pop_back();
                continue;
            }
            at = std::move(child);
            enter(at.get());
            levels.push_back(child_groups(at.get()));
            continue;
        }
        levels.pop_back();
        if (levels.empty()) return 0;
        at = open_subdirectory(at.get(), "..");
        if (!at.valid()) break;
        if (const int err = leave(at.get(), levels.back().back()); err != 0) return err;
        levels.back().pop_back();
    }
    return errno == ENOENT ? 0 : errno;
}

std::optional<std::uint64_t> to_number(std::string_view text) {
    text = trim(text);
    std::uint64_t value = 0;
    const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || err != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::uint64_t> keyed_number(const std::optional<std::string>& text, std::string_view key) {
    if (!text) return std::nullopt;
    for (const std::string& line : split(*text, '\n'))
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
            return to_number(std::string_view{line}.substr(key.size() + 1));
    return std::nullopt;
}

}  // namespace stack::cgroup_files
