// Reading exit journals: whole ones, torn ones, foreign bytes.
#include "runtime/base/atomic_file.hpp"
#include "runtime/keeper/keeper_client.hpp"
#include "runtime/keeper/keeper_protocol.hpp"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace stack {
namespace {

std::string record_bytes(std::uint64_t sequence, int pid, int status) {
    keeper::JournalRecord record;
    record.sequence = sequence;
    record.pid = pid;
    record.status = status;
    record.time_ns = 5;
    record.start_time = 77;
    for (std::size_t i = 0; i < 16; ++i) record.boot_id[i] = static_cast<std::uint8_t>(i * 17);
    record.checksum = keeper::journal_checksum(record);
    return {reinterpret_cast<const char*>(&record), sizeof record};
}

class KeeperJournal : public testing::Test {
  protected:
    void TearDown() override { ::unlink(path.c_str()); }
    std::vector<ExitRecord> read(const std::string& bytes) {
        write_file_atomically(path, bytes, Durability::crash);
        return read_exit_journal(path);
    }
    std::string path = "/tmp/stack-journal-" + std::to_string(::getpid());
};

TEST_F(KeeperJournal, AMissingFileHasNoRecords) {
    EXPECT_TRUE(read_exit_journal(path).empty());
}

TEST_F(KeeperJournal, GivesRecordsInOrderWithTheBootTheyBelongTo) {
    const auto records = read(record_bytes(1, 10, 256) + record_bytes(2, 11, 9));
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0], (ExitRecord{1, 10, 256, 5, 77, "00112233-4455-6677-8899-aabbccddeeff"}));
    EXPECT_EQ(records[1].wait_status, 9);
}

TEST_F(KeeperJournal, SkipsATornTailAndADamagedRecord) {
    std::string damaged = record_bytes(2, 11, 0);
    damaged[4] = static_cast<char>(damaged[4] ^ 1);
    const auto records = read(record_bytes(1, 10, 0) + damaged + std::string(64, '\0') +
                              record_bytes(3, 12, 0) + record_bytes(4, 13, 0).substr(0, 63));
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].sequence, 1u);
    EXPECT_EQ(records[1].sequence, 3u);
}

}  // namespace
}  // namespace stack
