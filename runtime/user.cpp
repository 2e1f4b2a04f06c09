#include "runtime/user.hpp"

#include "runtime/base/error.hpp"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack {

std::optional<std::uint32_t> parse_id(std::string_view text) noexcept {
    if (text.empty() || text.size() > 10) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (value >= 0xffffffffu) return std::nullopt;
    return static_cast<std::uint32_t>(value);
}

namespace {

NameOrId parse_name(std::string_view text, std::string_view whole, std::string_view what) {
    if (text.empty())
        throw Error{ErrorKind::invalid_input, fmt::format("{} \"{}\" has an empty part", what, whole)};
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == ':' || c == ',')
            throw Error{ErrorKind::invalid_input,
                        fmt::format("{} \"{}\" has a character that no name may have", what, whole)};
    }
    NameOrId result{std::string{text}, parse_id(text)};
    const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits && !result.id)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("{} \"{}\" is out of range: ids go from 0 to 4294967294", what, whole)};
    return result;
}

// The next colon-separated field; `line` loses it.
std::string_view take_field(std::string_view& line) noexcept {
    const std::size_t colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    line = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    return field;
}

struct PasswdEntry {
    std::string_view name, home;
    std::uint32_t uid = 0, gid = 0;
};

bool parse_passwd_line(std::string_view line, PasswdEntry& entry) noexcept {
    entry.name = take_field(line);
    take_field(line);  // password
    const auto uid = parse_id(take_field(line));
    const auto gid = parse_id(take_field(line));
    take_field(line);  // gecos
    entry.home = take_field(line);
    if (entry.name.empty() || !uid || !gid) return false;
    entry.uid = *uid;
    entry.gid = *gid;
    return true;
}

struct GroupEntry {
    std::string_view name, members;
    std::uint32_t gid = 0;
};

bool parse_group_line(std::string_view line, GroupEntry& entry) noexcept {
    entry.name = take_field(line);
    take_field(line);
    const auto gid = parse_id(take_field(line));
    entry.members = take_field(line);
    if (entry.name.empty() || !gid) return false;
    entry.gid = *gid;
    return true;
}

bool is_member(std::string_view members, std::string_view name) noexcept {
    while (!members.empty()) {
        const std::size_t comma = members.find(',');
        if (members.substr(0, comma) == name) return true;
        if (comma == std::string_view::npos) return false;
        members.remove_prefix(comma + 1);
    }
    return false;
}

// A number is an id, whatever an image calls its accounts (CVE-2016-3697).
bool matches(const NameOrId& wanted, std::string_view name, std::uint32_t id) noexcept {
    return wanted.id ? *wanted.id == id : wanted.name == name;
}

bool add_group(ResolvedUser& user, std::uint32_t gid) noexcept {
    for (std::size_t i = 0; i < user.group_count; ++i)
        if (user.groups[i] == gid) return true;
    if (user.group_count == kMaxGroups) return false;
    user.groups[user.group_count++] = gid;
    return true;
}

void set_home(ResolvedUser& user, std::string_view home) noexcept {
    if (home.empty() || home.size() >= kMaxHome) return;
    ::memcpy(user.home.data(), home.data(), home.size());
    user.home[home.size()] = '\0';
}

constexpr std::size_t kMaxName = 256;

// What one pass over /etc/passwd found out about the user.
struct PasswdMatch {
    bool found = false;
    std::array<char, kMaxName> name{};  // for group membership
    std::size_t name_size = 0;
};

UserProblem read_passwd(const UserRequest& request, LineReader* passwd, ResolvedUser& user,
                        PasswdMatch& match) noexcept {
    std::string_view line;
    PasswdEntry entry;
    while (passwd && passwd->next(line)) {
        if (!parse_passwd_line(line, entry)) continue;
        if (request.user ? !matches(*request.user, entry.name, entry.uid) : entry.uid != request.uid)
            continue;
        match.found = true;
        if (request.user) {
            user.uid = entry.uid;
            user.gid = entry.gid;
        }
        set_home(user, entry.home);
        match.name_size = std::min(entry.name.size(), kMaxName);
        ::memcpy(match.name.data(), entry.name.data(), match.name_size);
        return UserProblem::none;
    }
    return passwd ? passwd->problem() : UserProblem::none;
}

}  // namespace

UserRequest parse_user_request(const std::string& text, const std::vector<std::string>& group_add) {
    UserRequest request;
    if (!text.empty()) {
        const std::size_t colon = text.find(':');
        const std::string_view whole{text};
        request.user = parse_name(whole.substr(0, colon), whole, "user");
        if (colon != std::string::npos) request.group = parse_name(whole.substr(colon + 1), whole, "user");
    }
    for (const std::string& group : group_add)
        request.extra_groups.push_back(parse_name(group, group, "group"));
    if (request.extra_groups.size() > kMaxGroups)
        throw Error{ErrorKind::invalid_input, fmt::format("more than {} extra groups", kMaxGroups)};
    return request;
}

LineReader::LineReader(std::string_view text) noexcept : text_{text} {}
LineReader::LineReader(int fd, char* buffer, std::size_t size) noexcept
    : fd_{fd}, buffer_{buffer}, size_{size} {}

bool LineReader::refill() noexcept {
    if (begin_ > 0) {
        ::memmove(buffer_, buffer_ + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    ssize_t got;
    do {
        got = ::read(fd_, buffer_ + end_, size_ - end_);
    } while (got < 0 && errno == EINTR);
    if (got < 0) problem_ = UserProblem::read_failed;
    if (got <= 0) return false;
    end_ += static_cast<std::size_t>(got);
    total_ += static_cast<std::size_t>(got);
    if (total_ > kMaxAccountFile) problem_ = UserProblem::file_too_large;
    return problem_ == UserProblem::none;
}

bool LineReader::next(std::string_view& line) noexcept {
    if (fd_ < 0) {
        if (text_.empty()) return false;
        const std::size_t newline = text_.find('\n');
        line = text_.substr(0, newline);
        text_ = newline == std::string_view::npos ? std::string_view{} : text_.substr(newline + 1);
        return true;
    }
    bool overlong = false;
    for (;;) {
        const std::string_view pending{buffer_ + begin_, end_ - begin_};
        const std::size_t newline = pending.find('\n');
        if (newline != std::string_view::npos) {
            line = pending.substr(0, newline);
            begin_ += newline + 1;
            if (!overlong) return true;
            overlong = false;  // the tail of a line that did not fit
            continue;
        }
        if (pending.size() == size_) {
            overlong = true;
            begin_ = end_ = 0;
        }
        if (refill()) continue;
        if (problem_ != UserProblem::none || overlong || begin_ == end_) return false;
        line = std::string_view{buffer_ + begin_, end_ - begin_};
        begin_ = end_;
        return true;
    }
}

UserProblem resolve_user(const UserRequest& request, LineReader* passwd, LineReader* group,
                         ResolvedUser& user, std::size_t& failed_extra) noexcept {
    user.uid = request.user ? request.user->id.value_or(0) : request.uid;
    user.gid = request.user ? 0 : request.gid;
    user.group_count = 0;
    set_home(user, "/");
    PasswdMatch match;
    if (const UserProblem problem = read_passwd(request, passwd, user, match); problem != UserProblem::none)
        return problem;
    if (request.user && !match.found && !request.user->id) return UserProblem::no_such_user;

    const std::string_view matched_name{match.name.data(), match.name_size};
    const bool by_membership = request.user && !request.group && match.found;
    bool explicit_found = false, full = false;
    std::array<std::uint64_t, kMaxGroups / 64> extra_found{};
    // The primary group is always in the list, so that "no access for group X" can't be dodged (CVE-2022-36109).
    if (!request.group) full |= !add_group(user, user.gid);
    std::string_view line;
    GroupEntry entry;
    while (group && (by_membership || request.group || !request.extra_groups.empty()) && group->next(line)) {
        if (!parse_group_line(line, entry)) continue;
        if (request.group && !explicit_found && matches(*request.group, entry.name, entry.gid)) {
            explicit_found = true;
            user.gid = entry.gid;
            full |= !add_group(user, entry.gid);
        }
        if (by_membership && is_member(entry.members, matched_name)) full |= !add_group(user, entry.gid);
        for (std::size_t i = 0; i < request.extra_groups.size(); ++i) {
            if (request.extra_groups[i].id || request.extra_groups[i].name != entry.name) continue;
            extra_found[i / 64] |= std::uint64_t{1} << (i % 64);
            full |= !add_group(user, entry.gid);
        }
    }
    if (group && group->problem() != UserProblem::none) return group->problem();
    if (request.group && !explicit_found) {
        if (!request.group->id) return UserProblem::no_such_group;
        user.gid = *request.group->id;
        full |= !add_group(user, user.gid);
    }
    for (std::size_t i = 0; i < request.extra_groups.size(); ++i) {
        if (extra_found[i / 64] >> (i % 64) & 1) continue;
        failed_extra = i;
        if (!request.extra_groups[i].id) return UserProblem::no_such_extra_group;
        full |= !add_group(user, *request.extra_groups[i].id);
    }
    if (!request.user)
        for (const std::uint32_t gid : request.groups) full |= !add_group(user, gid);
    return full ? UserProblem::too_many_groups : UserProblem::none;
}

}  // namespace stack
