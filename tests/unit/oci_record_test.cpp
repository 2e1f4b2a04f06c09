// What the runtime remembers of a container, and what it tells hooks about it.
#include "runtime/base/error.hpp"
#include "runtime/oci/container_record.hpp"
#include "runtime/oci/container_status.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::oci {
namespace {

ContainerRecord some_record() {
    ContainerRecord record;
    record.id = "one";
    record.oci_version = "1.2.0";
    record.bundle = "/bundle";
    record.rootfs = "/bundle/rootfs";
    record.annotations = {{"key", "value"}};
    record.created = "2026-01-02T03:04:05Z";
    record.cgroup_path = "/a/b";
    record.scope = "x.scope";
    record.user_scope = true;
    record.shares_pid_namespace = true;
    record.pid = 17;
    record.start_time = UINT64_MAX;
    record.boot = "some-boot";
    return record;
}

TEST(OciRecord, SurvivesWritingAndReading) {
    EXPECT_EQ(parse_record(record_text(some_record())), some_record());
}

TEST(OciRecord, RefusesWhatIsNone) {
    for (const char* text : {"", "{}", "[]", R"({"version": 2, "id": "one"})", R"({"version": 1})",
                             R"({"version": 1, "id": "one", "pid": "17"})"})
        EXPECT_THROW(parse_record(text), Error) << text;
}

TEST(OciRecord, IsTheStateOfTheSpecification) {
    EXPECT_EQ(state_document(some_record(), Status::running),
              R"({"ociVersion":"1.2.0","id":"one","status":"running","pid":17,"bundle":"/bundle",)"
              R"("annotations":{"key":"value"}})");
    EXPECT_EQ(nlohmann::json::parse(state_document(some_record(), Status::stopped)).at("pid"), 0);
}

TEST(OciRecord, TellsTheProcessOfAnotherBootFromOurs) {
    ContainerRecord record = some_record();
    record.pid = 1;
    EXPECT_FALSE(find_init(record).has_value());
    record.boot = boot_id();
    EXPECT_FALSE(find_init(record).has_value());  // it began at another time
    record.start_time = process_start_time(1).value();
    EXPECT_TRUE(find_init(record).has_value());
}

}  // namespace
}  // namespace stack::oci
