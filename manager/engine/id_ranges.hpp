// Which ids of the host a container's user namespace may have: the ranges that /etc/subuid and /etc/subgid give, or else a part
// of the numbers that nobody uses. Pure: the files' texts and what is taken come in. subuid(5), user_namespaces(7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack::engine {

struct IdRange {
    std::uint32_t first = 0, size = 0;
    bool operator==(const IdRange&) const = default;
};

/// What one container has: its ids 0 … size-1 are those of the host from `uid_first` and `gid_first` on.
struct ContainerIds {
    std::uint32_t uid_first = 0, gid_first = 0, size = 0;
    bool operator==(const ContainerIds&) const = default;
};

/// Where nobody gives ranges: systemd's table of ids (UIDS-GIDS.md) leaves these unused, above its own containers and below
/// what many programs take for negative.
inline constexpr IdRange kUnusedIds{0x70000000, 0x7ffe0000 - 0x70000000};

/// Texts of files, of the host's users or of its groups.
struct IdFiles {
    std::string subordinate;  ///< /etc/subuid or /etc/subgid
    std::string accounts;     ///< /etc/passwd or /etc/group
    std::string own_map;      ///< /proc/self/uid_map or gid_map: what exists in our own user namespace
};

struct IdPool {
    std::vector<IdRange> allowed, occupied;
    bool declared = false;  ///< the ranges of an entry, not kUnusedIds
};
/// The entries of the user `stack`, or if it has none of `containers` (podman's convention); else kUnusedIds less the entries of
/// others and the ids of accounts. Lines that can't be understood are nobody's.
IdPool id_pool(const IdFiles& files);

/// The lowest place for `size` ids that overlaps nothing occupied and nothing of `taken`.
std::optional<std::uint32_t> first_free(const IdPool& pool, const std::vector<IdRange>& taken,
                                        std::uint32_t size);

}  // namespace stack::engine
