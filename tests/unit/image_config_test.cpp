#include "runtime/image/image_config.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/command_words.hpp"
#include "runtime/image/time_text.hpp"

#include <gtest/gtest.h>

namespace stack {
namespace {

using namespace std::chrono_literals;

const std::string kDiffId = "sha256:" + std::string(64, 'b');

TEST(ImageConfig, ReadsWhatDockerWrites) {
    const ImageConfig config =
        parse_image_config(R"({
        "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05.5Z",
        "config": {"Entrypoint": ["/entry"], "Cmd": null, "Env": ["PATH=/bin", "EMPTY="], "WorkingDir": "/data",
                   "User": "999:999", "ExposedPorts": {"80/tcp": {}, "443/tcp": {}}, "Volumes": {"/data": {}},
                   "Labels": {"a": "b"}, "StopSignal": "SIGQUIT", "ArgsEscaped": true,
                   "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30000000000, "Retries": 3}},
        "rootfs": {"type": "layers", "diff_ids": [")" +
                           kDiffId + R"("]}, "history": [{"created_by": "COPY a b", "comment": "c"},
                       {"created": "2024-01-02T03:04:05Z", "created_by": "CMD x", "empty_layer": true}]})");
    EXPECT_EQ(config.entrypoint, std::vector<std::string>{"/entry"});
    EXPECT_TRUE(config.cmd.empty());
    EXPECT_EQ(config.env, (std::vector<std::string>{"PATH=/bin", "EMPTY="}));
    EXPECT_EQ(config.user, "999:999");
    EXPECT_EQ(config.exposed_ports, (std::vector<std::string>{"443/tcp", "80/tcp"}));
    EXPECT_EQ(config.volumes, std::vector<std::string>{"/data"});
    EXPECT_EQ(config.stop_signal, "SIGQUIT");
    ASSERT_TRUE(config.healthcheck);
    EXPECT_EQ(config.healthcheck->interval, 30s);
    EXPECT_EQ(config.diff_ids, std::vector<std::string>{kDiffId});
    EXPECT_EQ(config.history, (std::vector<ImageStep>{{"", "COPY a b", "c", "", false},
                                                      {"2024-01-02T03:04:05Z", "CMD x", "", "", true}}));
}

TEST(ImageConfig, RefusesAHistoryWithoutEnd) {
    std::string steps = "{}";
    for (int i = 0; i < 10'000; ++i) steps += ",{}";
    EXPECT_THROW(parse_image_config(R"({"history": [)" + steps + "]}"), Error);
    EXPECT_THROW(parse_image_config(R"({"history": [7]})"), Error);
    EXPECT_THROW(parse_image_config(R"({"history": [{"empty_layer": "yes"}]})"), Error);
}

TEST(ImageConfig, SurvivesWritingAndReading) {
    ImageConfig config;
    config.entrypoint = {"/bin/sh", "-c"};
    config.cmd = {"echo \"hi\""};
    config.env = {"A=1"};
    config.working_dir = "/srv";
    config.user = "app";
    config.exposed_ports = {"80/tcp"};
    config.labels = {{"k", "v"}};
    config.stop_signal = "SIGINT";
    config.healthcheck = ImageHealthcheck{{"CMD", "true"}, 1s, 2s, 3s, 4s, 5};
    config.architecture = "amd64";
    config.os = "linux";
    config.created = "2024-01-02T03:04:05Z";
    config.diff_ids = {kDiffId};
    config.history = {{config.created, "test", "", "", false}};  // written for each layer
    EXPECT_EQ(parse_image_config(image_config_json(config, "test")), config);
}

TEST(ImageConfig, RefusesWrongTypesAndNamesTheField) {
    const auto message_of = [](const char* json) -> std::string {
        try {
            parse_image_config(json);
            return "accepted";
        } catch (const Error& error) {
            return error.what();
        }
    };
    EXPECT_NE(message_of(R"({"config": {"Env": "A=1"}})").find("'Env'"), std::string::npos);
    EXPECT_NE(message_of(R"({"config": {"Env": ["=x"]}})").find("'Env'"), std::string::npos);
    EXPECT_NE(message_of(R"({"config": {"Cmd": [1]}})").find("'Cmd'"), std::string::npos);
    EXPECT_NE(message_of(R"({"config": {"User": {"name": "root"}}})").find("'User'"), std::string::npos);
    EXPECT_NE(message_of(R"({"config": {"WorkingDir": "a\u0000b"}})").find("NUL"), std::string::npos);
    EXPECT_NE(message_of(R"({"config": {"Healthcheck": {"Interval": -1}}})").find("'Interval'"),
              std::string::npos);
    EXPECT_NE(message_of(R"({"rootfs": {"diff_ids": ["../x"]}})").find("digest"), std::string::npos);
    EXPECT_NE(message_of("[]").find("object"), std::string::npos);
    EXPECT_NE(message_of("{").find("JSON"), std::string::npos);
}

TEST(CommandWords, SplitsLikeAShellWithoutRunningOne) {
    using image::command_words;
    EXPECT_EQ(command_words("nginx -g 'daemon off;'"),
              (std::vector<std::string>{"nginx", "-g", "daemon off;"}));
    EXPECT_EQ(command_words(R"(a "b \"c\" \n" d\ e '')"),
              (std::vector<std::string>{"a", "b \"c\" \\n", "d e", ""}));
    EXPECT_EQ(command_words(R"( ["a", "b c"])"), (std::vector<std::string>{"a", "b c"}));
    EXPECT_EQ(command_words("echo $HOME *"), (std::vector<std::string>{"echo", "$HOME", "*"}));
    EXPECT_TRUE(command_words("").empty());
    EXPECT_THROW(command_words("a 'b"), Error);
    EXPECT_THROW(command_words("[1]"), Error);
}

TEST(TimeText, ReadsRfc3339) {
    using namespace std::chrono;
    const auto expected = system_clock::time_point{sys_days{2024y / 1 / 2} + 3h + 4min + 5s + 500ms};
    EXPECT_EQ(parse_time_text("2024-01-02T03:04:05.5Z"), expected);
    EXPECT_EQ(parse_time_text("2024-01-02T05:04:05.500000000+02:00"), expected);
    for (const char* bad : {"", "2024", "2024-13-02T03:04:05Z", "2024-01-02T03:04:05",
                            "2024-01-02T03:04:05Zx", "0001-01-01T00:00:00Z"})
        EXPECT_EQ(parse_time_text(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace stack
