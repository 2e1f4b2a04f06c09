// The whole data root, held against du(1).
#include "manager/engine/data_usage.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/temp_root.hpp"

#include <unistd.h>

#include <gtest/gtest.h>

namespace stack::engine {
namespace {

std::uint64_t du_of(const std::string& path) {
    SpawnOptions options;
    options.argv = {"/usr/bin/du", "--block-size=1", "-s", path};
    const CommandResult result = run_command(options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return static_cast<std::uint64_t>(parse_int(split(result.out, '\t').front()).value_or(-1));
}

TEST(DataUsage, EqualsDuAndTellsContainersVolumesLogsAndRecordsApart) {
    const test::TempDir directory;
    const Paths paths{directory.file("root"), directory.file("run"), {}, {}, {}, {}};
    EXPECT_EQ(measure_data(paths).total_bytes, 0u);
    EXPECT_FALSE(path_exists(paths.data_root)) << "measuring must not write";

    ContainerRecord record;
    record.id = std::string(64, 'a');
    record.name = "shop-web-1";
    record.project = "shop";
    record.image_digest = "sha256:" + std::string(64, 'b');
    MountRecord mount;
    mount.volume_name = "data";
    record.mounts.push_back(mount);
    save_record(paths, record);
    const std::string container = "root/projects/shop/containers/" + record.id;
    directory.write(container + "/upper/var/file", std::string(100'000, 'x'));
    ASSERT_EQ(::link(directory.file(container + "/upper/var/file").c_str(),
                     directory.file(container + "/upper/again").c_str()),
              0);
    make_directories(directory.file(container + "/work/work"));
    directory.write(container + "/web.1.0.log", std::string(30'000, 'l'));
    directory.write(container + "/web.1.0.idx", std::string(5000, 'i'));
    directory.write(container + "/hosts", "127.0.0.1 localhost\n");
    directory.write("root/projects/shop/containers/" + std::string(64, 'c') + "/upper/file", "no record");
    directory.write("root/projects/shop/exits.journal", "journal");
    directory.write("root/networks/net.json", "{}");
    directory.write("root/images/index.json", R"({"schemaVersion":2,"manifests":[]})");
    directory.write("root/anything", std::string(9000, '?'));
    VolumeRecord volume;
    volume.name = "data";
    create_volume(paths, volume);
    directory.write("root/volumes/data/_data/file", std::string(50'000, 'v'));
    directory.write("root/volumes/half/_data/file", "a creation that was cut short");
    directory.write("root/images/index.lock", "");

    const DataUsage usage = measure_data(paths);
    EXPECT_EQ(usage.total_bytes, du_of(paths.data_root));
    ASSERT_EQ(usage.containers.size(), 2u);
    EXPECT_EQ(usage.containers[0].name, "shop-web-1");
    EXPECT_EQ(usage.containers[0].writable_bytes,
              du_of(directory.file(container + "/upper")) + du_of(directory.file(container + "/work")));
    EXPECT_EQ(usage.containers[0].log_bytes, 32768u + 8192u);
    EXPECT_EQ(usage.containers[1].name, "");
    ASSERT_EQ(usage.volumes.size(), 1u);
    EXPECT_EQ(usage.volumes[0].containers, std::vector<std::string>{"shop-web-1"});
    EXPECT_EQ(usage.volumes[0].bytes, du_of(directory.file("root/volumes/data")));
    EXPECT_EQ(images_in_use(paths).at(record.image_digest), "shop-web-1");
}

}  // namespace
}  // namespace stack::engine
