// `user:` and `group_add:` resolved against the image's own /etc/passwd and /etc/group.
//
// The parser runs in the child, between clone and exec, over hostile files: it allocates nothing, takes a fixed amount
// of memory whatever the files hold, believes only whole-string numbers, and never asks libc (no NSS of the image).
// Rules are Docker's: a known user brings its gid, supplementary groups and home; an explicit group replaces gid and
// supplementary groups; a number is an id, never a name, and an unknown one is taken as it is with gid 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// A name or a number, as written.
struct NameOrId {
    std::string name;                 ///< as written
    std::optional<std::uint32_t> id;  ///< when it is a number
    bool operator==(const NameOrId&) const = default;
};

struct UserRequest {
    std::optional<NameOrId> user;  ///< nullopt: `uid`, `gid`, `groups` are final; only HOME is looked up
    std::optional<NameOrId> group;
    std::vector<NameOrId> extra_groups;
    std::uint32_t uid = 0, gid = 0;
    std::vector<std::uint32_t> groups;
    bool operator==(const UserRequest&) const = default;
};

/// Whole-string decimal 0…2^32-2 (2^32-1 is "no change" to the kernel).
std::optional<std::uint32_t> parse_id(std::string_view text) noexcept;
/// `user[:group]`. Throws Error(invalid_input): empty parts, a second colon, control characters, numbers out of range.
UserRequest parse_user_request(const std::string& text, const std::vector<std::string>& group_add);

inline constexpr std::size_t kMaxGroups = 1024;
inline constexpr std::size_t kMaxHome = 1024;
inline constexpr std::size_t kMaxAccountFile = std::size_t{16}
                                               << 20;  ///< larger files of an image are refused

struct ResolvedUser {
    std::uint32_t uid = 0, gid = 0;
    std::array<std::uint32_t, kMaxGroups> groups{};
    std::size_t group_count = 0;
    std::array<char, kMaxHome> home{};  ///< NUL-terminated; "/" when unknown
};

enum class UserProblem : std::uint32_t {
    none,
    no_such_user,
    no_such_group,
    no_such_extra_group,
    too_many_groups,
    file_too_large,
    read_failed
};

/// Lines of a text or a descriptor through a buffer that the caller owns. A line longer than the buffer is passed over:
/// it can't be a sane account, and must not be taken for two.
class LineReader {
  public:
    explicit LineReader(std::string_view text) noexcept;
    LineReader(int fd, char* buffer, std::size_t size) noexcept;
    /// False at the end or on a problem.
    bool next(std::string_view& line) noexcept;
    [[nodiscard]] UserProblem problem() const noexcept { return problem_; }

  private:
    bool refill() noexcept;
    int fd_ = -1;
    char* buffer_ = nullptr;
    std::size_t size_ = 0, begin_ = 0, end_ = 0, total_ = 0;
    std::string_view text_;
    UserProblem problem_ = UserProblem::none;
};

/// Either reader may be null (no such file in the image). `failed_extra` is the index of an unknown extra group.
UserProblem resolve_user(const UserRequest& request, LineReader* passwd, LineReader* group,
                         ResolvedUser& result, std::size_t& failed_extra) noexcept;

}  // namespace stack
