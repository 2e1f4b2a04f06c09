// The ring of exits and the journal: an exit is written down before anybody hears of it.
#include "runtime/keeper/keeper_state.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace stack::keeper {

Exit& exit_at(std::uint64_t sequence) {
    return keeper.exits[sequence % kMaxPendingExits];
}
bool exits_full() {
    return keeper.next_sequence - keeper.first_exit == kMaxPendingExits;
}

// A torn record is cut off again, so that the next starts where it should.
bool append_to_journal(const JournalRecord& record) {
    struct stat before {};
    if (keeper.journal < 0 || ::fstat(keeper.journal, &before) != 0) return false;
    const ssize_t done = ::write(keeper.journal, &record, sizeof record);
    if (done == static_cast<ssize_t>(sizeof record)) return true;
    if (done > 0 && ::ftruncate(keeper.journal, before.st_size) != 0) return false;
    return false;
}

void retry_journal() {
    for (std::uint64_t at = keeper.first_exit; at != keeper.next_sequence; ++at) {
        Exit& one = exit_at(at);
        if (one.journaled) continue;
        if (!append_to_journal(one.record)) return;
        one.journaled = true;
    }
}

bool journal_is_behind() {
    for (std::uint64_t at = keeper.first_exit; at != keeper.next_sequence; ++at)
        if (!exit_at(at).journaled) return true;
    return false;
}

void forget_finished_exits() {
    while (keeper.first_exit != keeper.next_sequence) {
        const Exit& first = exit_at(keeper.first_exit);
        if (!first.acknowledged || !first.journaled) return;
        ++keeper.first_exit;
    }
    // Everything in the file is in the supervisor's records too.
    struct stat info {};
    if (::fstat(keeper.journal, &info) == 0 && info.st_size >= static_cast<off_t>(kJournalLimitBytes) &&
        ::ftruncate(keeper.journal, 0) != 0)
        return;
}

std::uint64_t last_sequence_in_journal() {
    struct stat info {};
    if (::fstat(keeper.journal, &info) != 0) return 0;
    std::uint64_t last = 0;
    constexpr off_t kSize = sizeof(JournalRecord);
    for (off_t at = 0; at + kSize <= info.st_size; at += kSize) {
        JournalRecord record;
        if (::pread(keeper.journal, &record, sizeof record, at) != kSize) break;
        if (record.magic == kJournalMagic && record.checksum == journal_checksum(record) &&
            record.sequence > last)
            last = record.sequence;
    }
    return last;
}

void align_journal() {
    struct stat info {};
    if (::fstat(keeper.journal, &info) != 0) return;
    const off_t torn = info.st_size % static_cast<off_t>(sizeof(JournalRecord));
    if (torn != 0 && ::ftruncate(keeper.journal, info.st_size - torn) != 0) return;
}

}  // namespace stack::keeper
