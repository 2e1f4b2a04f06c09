// stack-keeper from inside (keeper.cpp tells what it is): all its state, in one place of fixed size, and what its parts do
// with it. Private to keeper*.cpp.
#pragma once

#include "runtime/keeper/keeper_protocol.hpp"

#include <sys/types.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

namespace stack::keeper {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Entry {
    bool used;
    std::uint8_t count;
    int fds[kMaxFdsPerEntry];
    char name[kNameSize];
};

struct Exit {
    JournalRecord record;
    bool journaled;
    bool acknowledged;
};

// All state there is.
struct Keeper {
    Entry entries[kMaxEntries];
    std::size_t entry_limit;       // what RLIMIT_NOFILE allows
    Exit exits[kMaxPendingExits];  // ring: sequence numbers first_exit … next_sequence-1
    std::uint64_t first_exit;
    std::uint64_t next_sequence;
    std::uint8_t boot_id[16];
    int journal;
    int signals;

    char** supervisor_argv;
    pid_t supervisor;         // 0: none
    int socket;               // to it; -1: none
    bool quit;                // it said that nothing is left
    std::int64_t started_at;  // monotonic ns
    std::int64_t start_again_at;
    int quick_deaths;   // in a row, each within a second of its start
    int silent_deaths;  // in a row, without a word to us
    bool spoke;

    enum class Stage { hello, held, exits, inheritance, live } stage;
    std::size_t next_entry;                                  // of stage `held`
    std::uint64_t next_told;                                 // sequence number
    enum class Blocked { no, buffer, descriptors } blocked;  // why sending stopped
    char old_oom_score[16];
};
extern Keeper keeper;

std::int64_t now_ns(clockid_t clock);

// keeper_exits.cpp: the ring of exits, and the journal on disk behind it.
Exit& exit_at(std::uint64_t sequence);
bool exits_full();
/// True when the record is wholly in the file.
bool append_to_journal(const JournalRecord& record);
/// Writes what could not be written before.
void retry_journal();
bool journal_is_behind();
/// Those that the supervisor has acknowledged and the journal has.
void forget_finished_exits();
/// The last sequence number in an old journal; 0 when there is none.
std::uint64_t last_sequence_in_journal();
/// A keeper killed while writing may have left a torn record; records stay aligned.
void align_journal();

// keeper_channel.cpp: descriptors under names, and the supervisor that gives, takes and hears.
void hold(const char* name, const int* fds, std::size_t count);
void close_socket();
void send_what_there_is();
void receive_what_there_is();

}  // namespace stack::keeper
