// The words between the keeper and a project's supervisor, and the exit journal's record: one page, two
// programs.
//
// Transport: AF_UNIX SOCK_SEQPACKET, one frame a message, descriptors by SCM_RIGHTS with the frame that names
// them. The keeper outlives upgrades of everything else, so an old keeper talks to a new supervisor: a frame
// never changes its layout within a version, and a supervisor speaks the version it was greeted with.
//
// clang-format off
// | type        | from       | fields                         | meaning                                          |
// |-------------|------------|--------------------------------|--------------------------------------------------|
// | hello       | keeper     | number = version,              | first frame on a new socket                      |
// |             |            | count = entries it can hold    |                                                  |
// | held        | keeper     | name, count + descriptors      | an entry of the table, for a new supervisor      |
// | exited      | keeper     | number = sequence, pid,        | a child ended; told again to each new supervisor |
// |             |            | status, time, start_time       | until it is acknowledged                         |
// | inheritance | keeper     |                                | end of the repetition; what follows is news      |
// | hold        | supervisor | name, count + descriptors      | keep these (1 to 4), instead of an entry of      |
// |             |            |                                | this name                                        |
// | drop        | supervisor | name                           | close them                                       |
// | acknowledge | supervisor | number = sequence              | this exit is in my records; forget it            |
// | quit        | supervisor |                                | nothing is left: leave when I have ended         |
// clang-format on
//
// Order that matters: the keeper appends an exit to the journal before it reaps and before it tells. It reads
// a dead supervisor's socket to its end before it starts the next one, so a `hold` sent just before death
// counts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stack::keeper {

inline constexpr std::uint32_t kFrameMagic = 0x5045454b;  // "KEEP"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kNameSize = 64;  // with the final zero
inline constexpr std::size_t kMaxEntries = 4096;
inline constexpr std::size_t kMaxFdsPerEntry = 4;
inline constexpr std::size_t kMaxPendingExits = 4096;  // more stay zombies until there is room: none is lost
inline constexpr const char* kSocketVariable = "STACK_KEEPER_FD";  // environment of the supervisor

enum class FrameType : std::uint16_t {
    hello = 1,
    held = 2,
    exited = 3,
    inheritance = 4,
    hold = 16,
    drop = 17,
    acknowledge = 18,
    quit = 19,
};

struct Frame {
    std::uint32_t magic = kFrameMagic;
    std::uint16_t version = kVersion;
    FrameType type{};
    std::uint32_t length = 0;  // of the whole frame, always sizeof(Frame)
    std::uint32_t count = 0;
    std::uint64_t number = 0;
    std::int32_t pid = 0;
    std::int32_t status = 0;       // raw wait status
    std::int64_t time_ns = 0;      // CLOCK_REALTIME when the exit was seen
    std::uint64_t start_time = 0;  // of the process, clock ticks since boot; 0 unknown
    char name[kNameSize] = {};
};
static_assert(sizeof(Frame) == 112);

// The journal is a file of such records, appended with O_APPEND. A reader skips what does not check: a torn
// tail after a full disk, or zeros after a power cut. Old records go when the file is large and everything is
// acknowledged.
inline constexpr std::uint32_t kJournalMagic = 0x314a584b;  // "KXJ1"
struct JournalRecord {
    std::uint32_t magic = kJournalMagic;
    std::int32_t pid = 0;
    std::int32_t status = 0;
    std::uint32_t reserved = 0;
    std::uint64_t sequence = 0;
    std::int64_t time_ns = 0;
    std::uint64_t start_time = 0;
    std::uint8_t boot_id[16] = {};  // of the boot in which pid and start_time mean something
    std::uint64_t checksum = 0;     // FNV-1a of the bytes before it
};
static_assert(sizeof(JournalRecord) == 64);
inline constexpr std::uint64_t kJournalLimitBytes = 1u << 20;

inline std::uint64_t journal_checksum(const JournalRecord& record) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(&record);
    std::uint64_t hash = 14695981039346656037ull;
    for (std::size_t i = 0; i < offsetof(JournalRecord, checksum); ++i)
        hash = (hash ^ bytes[i]) * 1099511628211ull;
    return hash;
}

}  // namespace stack::keeper
