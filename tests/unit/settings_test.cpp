// The settings files: what they may say, what is made of it, and what their writers are told.
#include "manager/settings/settings.hpp"

#include "manager/cli/transfer/worker_command.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/temp_root.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::settings {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SettingsFiles : public ::testing::Test {
  protected:
    Loaded load_texts(const std::string& host, const std::string& user) {
        return load({dir.write("etc/config.yaml", host), dir.write("home/config.yaml", user)});
    }
    test::TempDir dir;
};

TEST_F(SettingsFiles, MayBeMissing) {
    const Loaded loaded = load({dir.file("none.yaml")});
    EXPECT_THAT(loaded.diagnostics, IsEmpty());
    EXPECT_EQ(loaded.settings, Settings{});
}

TEST_F(SettingsFiles, MayBeEmpty) {
    for (const char* text :
         {"", "# nothing yet\n", "registries:\n", "registries: {}\n", "registries: {a.io: }\n"})
        EXPECT_THAT(load_texts(text, "").diagnostics, IsEmpty()) << text;
}

TEST_F(SettingsFiles, TellMirrorsAndInsecureRegistries) {
    const Loaded loaded = load_texts(R"(
registries:
  docker.io:
    mirrors: ["https://mirror.example", "http://10.0.0.2:5000/cache", mirror.lan]
  registry.lan:5000:
    insecure: true
)",
                                     "");
    EXPECT_THAT(loaded.diagnostics, IsEmpty());
    EXPECT_THAT(loaded.settings.registries.at("docker.io").mirrors,
                ElementsAre("https://mirror.example", "http://10.0.0.2:5000/cache", "https://mirror.lan"));
    EXPECT_TRUE(loaded.settings.registries.at("registry.lan:5000").insecure);
}

TEST_F(SettingsFiles, OfTheUserTakeThePlaceOfTheHosts) {
    const Loaded loaded = load_texts("registries: {a.io: {insecure: true}, b.io: {insecure: true}}\n",
                                     "registries: {a.io: {mirrors: [\"https://m.example\"]}}\n");
    EXPECT_FALSE(loaded.settings.registries.at("a.io").insecure);
    EXPECT_TRUE(loaded.settings.registries.at("b.io").insecure);
}

TEST_F(SettingsFiles, WithMistakesSayWhereAndWhatInstead) {
    dir.write("config.yaml", R"(registres: {}
registries:
  docker.io:
    miror: [https://mirror.example]
    insecure: yes please
  "http://registry.lan": {}
  other.io:
    mirrors: https://mirror.example
  third.io:
    mirrors: [ftp://mirror.example, "", "https:///x"]
  fourth.io: true
)");
    const Loaded loaded = load({dir.file("config.yaml")});
    std::string text = compose::render(loaded.diagnostics, loaded.sources, false);
    for (std::size_t at; (at = text.find(dir.path() + "/")) != std::string::npos;)
        text.erase(at, dir.path().size() + 1);
    EXPECT_TRUE(test::matches_golden("settings/mistakes.txt", text));
}

TEST(SettingsPlaces, FollowTheEnvironment) {
    EXPECT_THAT(file_names({{"HOME", "/home/ann"}}),
                ElementsAre("/etc/stack/config.yaml", "/home/ann/.config/stack/config.yaml"));
    EXPECT_EQ(user_directory({{"HOME", "/home/ann"}, {"XDG_CONFIG_HOME", "/cfg"}}), "/cfg/stack");
    EXPECT_EQ(user_directory({{"HOME", "/home/ann"}, {"XDG_CONFIG_HOME", "relative"}}),
              "/home/ann/.config/stack");
    EXPECT_THAT(file_names({}), ElementsAre("/etc/stack/config.yaml"));
}

TEST(RegistryFlags, PassSettingsOn) {
    Settings settings;
    settings.registries["b.io"].insecure = true;
    settings.registries["a.io"].mirrors = {"https://m1", "https://m2"};
    EXPECT_THAT(cli::registry_flags(settings, "/cfg/stack"),
                ElementsAre("--config-dir", "/cfg/stack", "--mirror", "a.io=https://m1", "--mirror",
                            "a.io=https://m2", "--insecure", "b.io"));
    EXPECT_THAT(cli::registry_flags({}, ""), IsEmpty());
}

TEST(PullJobs, NamePlatformAndPolicy) {
    const cli::WorkerJob job = cli::pull_job({"stack-image", "pull"}, {"redis:7", "linux/arm64", "missing"});
    EXPECT_THAT(job.start.argv, ElementsAre("stack-image", "pull", "--platform", "linux/arm64", "--policy",
                                            "missing", "--", "redis:7"));
    EXPECT_EQ(job.subject, "Image redis:7");
}

}  // namespace
}  // namespace stack::settings
