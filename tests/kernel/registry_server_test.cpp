// The fixture itself: a registry that listens, takes an image and ends.
#include "tests/support/registry_server.hpp"

#include "tests/support/http_client.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/temp_root.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace stack::test {
namespace {

TEST(RegistryServer, ServesWhatWasPushedAndLeavesNothing) {
    const TempDir directory;
    std::optional<RegistryServer> server{std::in_place, directory.file("registry")};
    static_cast<void>(server->push_files("team/app", "1", {"one", "two"}));
    const HttpAnswer answer = http_get("127.0.0.1", server->port(), "/v2/team/app/tags/list");
    EXPECT_EQ(answer.body, R"({"name":"team/app","tags":["1"]})"
                           "\n")
        << answer.error << server->log();
    EXPECT_EQ(server->requests("GET /v2/team/app/tags/list"), 1u) << server->log();
    server.reset();
    EXPECT_TRUE(processes_of(directory.path()).empty());
}

}  // namespace
}  // namespace stack::test
