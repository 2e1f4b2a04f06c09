#include "manager/cli/ps_view.hpp"

#include "manager/cli/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace stack::cli;
using namespace std::chrono_literals;
using testing::HasSubstr;

namespace {

const WallTime kNow = WallTime{} + 1767366245s;  // 2026-01-02 15:04:05

ContainerView view(const std::string& name) {
    ContainerView result;
    result.id = std::string(64, 'a');
    result.name = "shop-" + name + "-1";
    result.image = name + ":1";
    result.command = {"/entry", "serve"};
    result.project = "shop";
    result.service = name;
    result.state = "running";
    result.created = kNow - 2min;
    result.started = kNow - 3s;
    return result;
}

TEST(PsView, TellsEachStateInTheWordsOfComposePs) {
    ContainerView container = view("web");
    EXPECT_EQ(status_text(container, kNow), "Up 3 seconds");
    container.health = "healthy";
    EXPECT_EQ(status_text(container, kNow), "Up 3 seconds (healthy)");
    container.health = "starting";
    EXPECT_EQ(status_text(container, kNow), "Up 3 seconds (health: starting)");
    container.state = "paused";
    EXPECT_EQ(status_text(container, kNow), "Up 3 seconds (Paused)");
    container.state = "exited";
    container.exit_code = 137;
    container.finished = kNow - 2s;
    EXPECT_EQ(status_text(container, kNow), "Exited (137) 2 seconds ago");
    container.oom_killed = true;
    EXPECT_EQ(status_text(container, kNow), "Exited (137) 2 seconds ago (out of memory)");
    container.state = "restarting";
    container.oom_killed = false;
    container.exit_code = 1;
    EXPECT_EQ(status_text(container, kNow), "Restarting (1) 2 seconds ago");
    container.state = "created";
    EXPECT_EQ(status_text(container, kNow), "Created");
}

TEST(PsView, ShowsNoNegativeAgeWhenTheClockWasSetBack) {
    ContainerView container = view("web");
    container.started = kNow + 1h;
    EXPECT_EQ(status_text(container, kNow), "Up Less than a second");
}

TEST(PsView, ShowsPortsAsDockerDoes) {
    EXPECT_EQ(
        ports_text({{.published_port = 8080, .target_port = 80}, {.target_port = 443}, {.target_port = 80}}),
        "443/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
    EXPECT_EQ(
        ports_text({{.host_ip = "127.0.0.1", .published_port = 53, .target_port = 53, .protocol = "udp"}}),
        "127.0.0.1:53->53/udp");
    EXPECT_EQ(ports_text({{.host_ip = "127.0.0.1", .published_port = 8001, .target_port = 8001},
                          {.host_ip = "127.0.0.1", .published_port = 8000, .target_port = 8000},
                          {.host_ip = "127.0.0.1", .published_port = 9000, .target_port = 8002}}),
              "127.0.0.1:8000-8001->8000-8001/tcp, 127.0.0.1:9000->8002/tcp");
    EXPECT_EQ(ports_text({}), "");
}

TEST(PsView, PrintsATableSortedByNameWithTheCommandCut) {
    ContainerView web = view("web"), db = view("db");
    db.command = {"docker-entrypoint.sh", "postgres"};
    web.ports = {{.host_ip = "127.0.0.1", .published_port = 8080, .target_port = 80}};
    EXPECT_EQ(ps_table({web, db}, kNow),
              "NAME         IMAGE   COMMAND                  SERVICE   CREATED         STATUS         PORTS\n"
              "shop-db-1    db:1    \"docker-entrypoint.s…\"   db        2 minutes ago   Up 3 seconds\n"
              "shop-web-1   web:1   \"/entry serve\"           web       2 minutes ago   Up 3 seconds   "
              "127.0.0.1:8080->80/tcp\n");
    EXPECT_THAT(ps_table({db}, kNow, true), HasSubstr("\"docker-entrypoint.sh postgres\""));
}

TEST(PsView, PrintsOneJsonObjectALine) {
    ContainerView web = view("web");
    web.health = "healthy";
    web.ports = {{.published_port = 8080, .target_port = 80}};
    web.labels = {{"a", "b"}, {"c", "d"}};
    web.networks = {"shop_back", "shop_default"};
    const std::string text = ps_json({web, view("db")}, kNow);
    ASSERT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    const std::size_t end = text.find('\n');
    EXPECT_EQ(nlohmann::json::parse(text.substr(0, end))["Name"], "shop-db-1");
    const auto object = nlohmann::json::parse(text.substr(end + 1));
    EXPECT_EQ(object["ID"], std::string(12, 'a'));
    EXPECT_EQ(object["State"], "running");
    EXPECT_EQ(object["Status"], "Up 3 seconds (healthy)");
    EXPECT_EQ(object["Health"], "healthy");
    EXPECT_EQ(object["ExitCode"], 0);
    EXPECT_EQ(object["Command"], "\"/entry serve\"");
    EXPECT_EQ(object["CreatedAt"], "2026-01-02 15:02:05 +0000 UTC");
    EXPECT_EQ(object["RunningFor"], "2 minutes ago");
    EXPECT_EQ(object["Labels"], "a=b,c=d");
    EXPECT_EQ(object["Networks"], "shop_back,shop_default");
    EXPECT_EQ(object["Publishers"].dump(),
              R"([{"Protocol":"tcp","PublishedPort":8080,"TargetPort":80,"URL":"0.0.0.0"},)"
              R"({"Protocol":"tcp","PublishedPort":8080,"TargetPort":80,"URL":"::"}])");
    for (const char* key :
         {"Names", "Image", "Project", "Service", "Ports", "Mounts", "LocalVolumes", "Size"})
        EXPECT_TRUE(object.contains(key)) << key;
}

TEST(LsView, ListsProjectsByNameWithRunningFirst) {
    const std::vector<ProjectView> projects{
        {"shop", {{"exited", 1}, {"running", 2}}, {"/srv/shop/compose.yaml"}},
        {"blog", {{"created", 1}, {"dead", 0}}, {"/a.yaml", "/b.yaml"}}};
    EXPECT_EQ(ls_table(projects),
              "NAME   STATUS                  CONFIG FILES\n"
              "blog   created(1)              /a.yaml,/b.yaml\n"
              "shop   running(2), exited(1)   /srv/shop/compose.yaml\n");
    EXPECT_EQ(ls_json(projects),
              R"j([{"ConfigFiles":"/a.yaml,/b.yaml","Name":"blog","Status":"created(1)"},)j"
              R"j({"ConfigFiles":"/srv/shop/compose.yaml","Name":"shop","Status":"running(2), exited(1)"}])j"
              "\n");
    EXPECT_EQ(ls_json({}), "[]\n");
}

TEST(Table, LetsNoCellSteerTheTerminal) {
    EXPECT_EQ(format_table({"A", "B"}, {{"x\x1b[31m\n", "é"}, {"y"}}), "A         B\nx?[31m?   é\ny\n");
}

}  // namespace
