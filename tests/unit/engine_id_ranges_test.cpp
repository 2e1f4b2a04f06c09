// Which ids of the host user namespaces get, and who has them.
#include "manager/engine/id_leases.hpp"
#include "manager/engine/id_ranges.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/temp_root.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kEverything = "         0          0 4294967295\n";

TEST(IdPool, IsWhatTheUserStackIsGivenElseTheUserContainers) {
    IdFiles files{"alice:100000:65536\nstack:200000:1000\ncontainers:300000:5\nstack:400000:7\n", "",
                  kEverything};
    EXPECT_THAT(id_pool(files).allowed, ElementsAre(IdRange{200000, 1000}, IdRange{400000, 7}));
    EXPECT_TRUE(id_pool(files).declared);
    files.subordinate = "alice:100000:65536\ncontainers:300000:5\n";
    EXPECT_THAT(id_pool(files).allowed, ElementsAre(IdRange{300000, 5}));
    // What admins declare, they have thought about.
    EXPECT_THAT(id_pool(files).occupied, testing::IsEmpty());
}

TEST(IdPool, IsElseWhatNobodyUses) {
    const IdFiles files{"alice:1879048192:65536\n\nbad:line\nbob:x:1\n",
                        "root:x:0:0:root:/root:/bin/sh\nodd:x:1879113730:1::/:/bin/sh\n+nis\n", kEverything};
    const IdPool pool = id_pool(files);
    EXPECT_FALSE(pool.declared);
    EXPECT_THAT(pool.allowed, ElementsAre(kUnusedIds));
    EXPECT_EQ(first_free(pool, {}, 2), 1879113728);      // after alice's, before odd
    EXPECT_EQ(first_free(pool, {}, 65536), 1879113731);  // after odd
}

TEST(IdPool, HoldsOnlyIdsThatExistHere) {
    const IdFiles files{"stack:100000:65536\n", "", "0 1000 1\n1 100000 120000\n"};
    EXPECT_THAT(id_pool(files).allowed, ElementsAre(IdRange{100000, 20001}));
    EXPECT_EQ(first_free(id_pool({"", "", "0 1000 1\n1 100000 65535\n"}), {}, 1), std::nullopt);
}

TEST(IdPool, ThatIsNoneOrTooLargeIsCutAtTheLastId) {
    const IdFiles files{
        "stack:4294967290:100\nstack:4294967295:1\nstack:5:0\nstack:-1:5\nstack:5000000000:1\n", "",
        kEverything};
    EXPECT_THAT(id_pool(files).allowed, ElementsAre(IdRange{4294967290, 5}));
    EXPECT_EQ(first_free(id_pool(files), {}, 5), 4294967290);
    EXPECT_EQ(first_free(id_pool(files), {}, 6), std::nullopt);
}

TEST(IdPool, IsFilledFromBelowAndGapsAreUsedAgain) {
    const IdPool pool{{{1000, 30}, {100, 25}}, {}, true};
    EXPECT_EQ(first_free(pool, {}, 10), 100);
    EXPECT_EQ(first_free(pool, {{100, 10}, {110, 10}}, 10), 1000);
    EXPECT_EQ(first_free(pool, {{110, 10}, {1000, 10}}, 10), 100);
    EXPECT_EQ(first_free(pool, {{105, 10}, {1005, 20}}, 10), 115);
    EXPECT_EQ(first_free(pool, {{100, 25}, {1000, 25}}, 10), std::nullopt);
}

class IdLeaseTest : public testing::Test {
  protected:
    IdOwner container(const std::string& project, char letter) {
        ContainerRecord record;
        record.project = project;
        record.id = std::string(64, letter);
        save_record(paths_, record);
        return {project, record.id};
    }
    [[nodiscard]] std::string file() const { return paths_.data_root + "/id-ranges.json"; }
    test::TempDir directory_;
    Paths paths_{directory_.file("root"), directory_.file("run"), {}, {}, {}, {}};
};

TEST_F(IdLeaseTest, OverlapsNoOtherOfAnyProject) {
    const ContainerIds a = lease_ids(paths_, container("shop", 'a'), 100);
    const ContainerIds b = lease_ids(paths_, container("blog", 'b'), 10);
    const ContainerIds c = lease_ids(paths_, container("blog", 'c'), 100);
    EXPECT_GE(b.uid_first, a.uid_first + 100);
    EXPECT_GE(c.uid_first, b.uid_first + 10);
    EXPECT_GE(b.gid_first, a.gid_first + 100);
    EXPECT_GE(c.gid_first, b.gid_first + 10);
}

TEST_F(IdLeaseTest, StaysTheSameUntilItIsGivenUp) {
    const IdOwner first = container("shop", 'a'), second = container("shop", 'b');
    const ContainerIds ids = lease_ids(paths_, first, 100);
    EXPECT_EQ(lease_ids(paths_, first, 100), ids);
    const ContainerIds others = lease_ids(paths_, second, 100);
    release_ids(paths_, first);
    release_ids(paths_, first);
    EXPECT_EQ(lease_ids(paths_, container("shop", 'c'), 100), ids);
    release_ids(paths_, second);
    EXPECT_EQ(lease_ids(paths_, container("shop", 'd'), 100), others);
}

TEST_F(IdLeaseTest, OfAContainerThatIsGoneIsFree) {
    const IdOwner first = container("shop", 'a');
    const ContainerIds ids = lease_ids(paths_, first, 100);
    remove_container_files(paths_, first.project, first.id);
    EXPECT_EQ(lease_ids(paths_, container("shop", 'b'), 100), ids);
}

TEST_F(IdLeaseTest, LeavesNoFileWhenNobodyHasAny) {
    const IdOwner owner = container("shop", 'a');
    static_cast<void>(lease_ids(paths_, owner, 1));
    EXPECT_TRUE(path_exists(file()));
    release_ids(paths_, owner);
    EXPECT_FALSE(path_exists(file()));
}

TEST_F(IdLeaseTest, SaysWhatToDoWhenNoneAreLeft) {
    try {
        check_free_ids(paths_, 4'000'000'000);
        FAIL() << "found";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::conflict);
        EXPECT_THAT(error.what(), HasSubstr("no 4000000000 uids in a row are left"));
        EXPECT_THAT(error.hint(), HasSubstr("/etc/subuid"));
    }
}

TEST_F(IdLeaseTest, RefusesAFileThatCantBeUnderstood) {
    const IdOwner owner = container("shop", 'a');
    for (const char* text : {"", "{", R"({"version":1})", R"({"version":1,"ranges":[{"project":1}]})"}) {
        write_file_atomically(file(), text, Durability::crash);
        EXPECT_THROW(static_cast<void>(lease_ids(paths_, owner, 1)), Error) << text;
        EXPECT_THROW(release_ids(paths_, owner), Error) << text;
    }
}

}  // namespace
}  // namespace stack::engine
