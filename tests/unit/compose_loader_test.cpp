// The whole load: which files, which name, which variables, which services.
#include "tests/unit/compose_fixture.hpp"

#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

const std::string kWeb = "services: {web: {image: nginx}}\n";

// ---- files ------------------------------------------------------------------------------------------------------

TEST(ComposeDiscovery, PrefersComposeYamlAndNamesTheOthers) {
    ComposeProject project;
    project.file("compose.yaml", kWeb).file("docker-compose.yml", "garbage: [");
    const LoadResult result = project.load();
    ASSERT_TRUE(result.project);
    EXPECT_EQ(result.project->files, std::vector<std::string>{project.path("compose.yaml")});
    EXPECT_EQ(render(result.diagnostics, result.sources, false),
              "docker-compose.yml: warning: this file is not used, since compose.yaml is there too\n");
}

TEST(ComposeDiscovery, LooksInParentDirectoriesAndTakesTheirDotenv) {
    ComposeProject project;
    project.file("docker-compose.yaml", "services: {web: {image: 'nginx:${TAG}', volumes: [./d:/d]}}\n")
        .file(".env", "TAG=7\n");
    const std::string top = project.request.cwd;
    project.request.cwd = top + "/deep/er";
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.working_dir, top);
    EXPECT_EQ(loaded.name, "shop");
    EXPECT_EQ(loaded.services.at("web").image, "nginx:7");
    EXPECT_EQ(loaded.services.at("web").volumes[0].source, top + "/d");
}

TEST(ComposeDiscovery, AddsTheOverrideFileOnlyToAFileThatWasFound) {
    ComposeProject project;
    project.file("compose.yaml", kWeb).file("compose.override.yaml", "services: {web: {tty: true}}\n");
    EXPECT_TRUE(project.loaded().services["web"].tty);
    project.request.files = {"compose.yaml"};
    EXPECT_FALSE(project.loaded().services["web"].tty);
}

TEST(ComposeDiscovery, TakesComposeFileFromTheShellOrDotenv) {
    ComposeProject project;
    project.file("a.yaml", kWeb)
        .file("b.yaml", "services: {web: {tty: true}}\n")
        .file(".env", "COMPOSE_FILE=a.yaml:b.yaml\n");
    EXPECT_TRUE(project.loaded().services["web"].tty);
    project.request.environment = {{"COMPOSE_FILE", "a.yaml"}};
    EXPECT_FALSE(project.loaded().services["web"].tty);
    project.request.environment = {{"COMPOSE_FILE", "a.yaml;b.yaml"}, {"COMPOSE_PATH_SEPARATOR", ";"}};
    EXPECT_TRUE(project.loaded().services["web"].tty);
}

TEST(ComposeDiscovery, TellsWhenThereIsNoFile) {
    ComposeProject project;
    project.file("other.txt", "");
    EXPECT_EQ(project.messages(), "error: no compose file in " + project.request.cwd +
                                      " or above\n  hint: make a compose.yaml, or name one with -f\n");
    project.request.files = {"absent.yaml"};
    EXPECT_EQ(project.messages(), "absent.yaml: error: the file does not exist\n");
}

TEST(ComposeDiscovery, ReadsStdinWithTheWorkingDirectoryAsProject) {
    ComposeProject project;
    project.file("x", "");
    project.request.files = {"-"};
    project.request.stdin_text = "services: {web: {image: nginx, volumes: [./d:/d]}}\n";
    EXPECT_EQ(project.loaded().services["web"].volumes[0].source, project.path("d"));
    project.request.stdin_text = "services: {web: {imag: nginx}}\n";
    EXPECT_EQ(project.messages().substr(0, 13), "<stdin>:1:18:");
}

TEST(ComposeDiscovery, RelativePathsAreBelowTheFirstFileOrTheGivenDirectory) {
    ComposeProject project;
    project.file("one/a.yaml", "services: {web: {image: nginx, volumes: [./d:/d, ~/h:/h]}}\n")
        .file("two/b.yaml", "services: {web: {volumes: [./e:/e]}}\n");
    project.request.files = {"one/a.yaml", "two/b.yaml"};
    project.request.environment = {{"HOME", "/home/me"}};
    Service web = project.loaded().services["web"];
    EXPECT_EQ(web.volumes[0].source, project.path("one/d"));
    EXPECT_EQ(web.volumes[1].source, "/home/me/h");
    EXPECT_EQ(web.volumes[2].source, project.path("one/e"));
    project.request.project_directory = "two";
    EXPECT_EQ(project.loaded().services["web"].volumes[0].source, project.path("two/d"));
}

TEST(ComposeDiscovery, WarnsOfSeveralOverrideFilesAndTakesTheFirst) {
    ComposeProject project;
    project.file("compose.yaml", kWeb)
        .file("compose.override.yml", "services: {web: {user: first}}\n")
        .file("docker-compose.override.yml", "services: {web: {user: second}}\n");
    EXPECT_EQ(project.loaded().services["web"].user, "first");
    EXPECT_EQ(
        project.messages(),
        "docker-compose.override.yml: warning: this file is not used, since compose.override.yml is there "
        "too\n");
}

TEST(ComposeDiscovery, TheOverrideFileStandsBesideTheFileThatWasFound) {
    ComposeProject project;
    project.file("compose.yaml", kWeb).file("sub/compose.override.yaml", "services: {web: {tty: true}}\n");
    project.request.cwd += "/sub";
    EXPECT_FALSE(project.loaded().services["web"].tty);
}

TEST(ComposeDiscovery, SearchesFromTheGivenProjectDirectory) {
    ComposeProject project;
    project.file("compose.yaml", kWeb).file("sub/compose.yaml", "services: {job: {image: a}}\n");
    project.request.project_directory = "sub";
    EXPECT_EQ(project.loaded().services.count("job"), 1u);
    EXPECT_EQ(project.loaded().name, "sub");
}

TEST(ComposeDiscovery, TheFirstFileThatHasADirectoryIsTheProjects) {
    ComposeProject project;
    project.file("sub/a.yaml", "services: {web: {tty: true}}\n");
    project.request.files = {"-", "sub/a.yaml"};
    project.request.stdin_text = kWeb;
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.working_dir, project.path("sub"));
    EXPECT_TRUE(loaded.services.at("web").tty);
}

TEST(ComposeDiscovery, ComposeFileNamesTheProjectDirectoryAndTakesAnySeparator) {
    ComposeProject project;
    project.file("sub/a.yaml", "services: {web: {image: 'nginx:$TAG-$OWN'}}\n")
        .file("b.yaml", "services: {web: {tty: true}}\n")
        .file(".env", "COMPOSE_FILE=sub/a.yaml::b.yaml\nCOMPOSE_PATH_SEPARATOR=::\nTAG=outer\n")
        .file("sub/.env", "TAG=inner\nOWN=own\n");
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.working_dir, project.path("sub"));
    EXPECT_EQ(loaded.services.at("web").image, "nginx:outer-own");
    EXPECT_TRUE(loaded.services.at("web").tty);
}

TEST(ComposeDiscovery, RemoteFilesAreRefusedByName) {
    ComposeProject project;
    project.file("x", "");
    project.request.files = {"oci://example.com/app:1"};
    EXPECT_EQ(project.messages(),
              "error: compose files on another machine are not supported: oci://example.com/app:1\n"
              "  hint: fetch it first, and name the local file\n");
}

TEST(ComposeDiscovery, AllFilesAreReadForTheirMistakesEvenIfOneIsMissing) {
    ComposeProject project;
    project.file("a.yaml", "services: {web: {imgae: a}}\n").file("b.yaml", "services: {web: [\n");
    project.request.files = {"a.yaml", "b.yaml", "c.yaml"};
    const LoadResult result = project.load();
    ASSERT_EQ(result.diagnostics.size(), 3u) << render(result.diagnostics, result.sources, false);
    EXPECT_EQ(result.diagnostics[0].code, "unknown-key");
    EXPECT_EQ(result.diagnostics[1].code, "yaml-syntax");
    EXPECT_EQ(result.diagnostics[2].code, "no-file");
}

// ---- name -------------------------------------------------------------------------------------------------------

TEST(ComposeName, FlagThenVariableThenFileThenDirectory) {
    ComposeProject project;
    project.file("compose.yaml", kWeb);
    EXPECT_EQ(project.loaded().name, "shop");
    project.file("compose.yaml", "name: From-${WHAT:-File}_9!\n" + kWeb);
    EXPECT_EQ(project.loaded().name, "from-file_9");
    project.file(".env", "COMPOSE_PROJECT_NAME=dotenv\n");
    EXPECT_EQ(project.loaded().name, "dotenv");
    project.request.environment = {{"COMPOSE_PROJECT_NAME", "shell"}};
    EXPECT_EQ(project.loaded().name, "shell");
    project.request.project_name = "flag";
    EXPECT_EQ(project.loaded().name, "flag");
    EXPECT_EQ(project_name_without_file(project.request), "flag");
}

TEST(ComposeName, TheLastFileWithANameWins) {
    ComposeProject project;
    project.file("a.yaml", "name: a\n" + kWeb).file("b.yaml", "name: b\n").file("c.yaml", "services: {}\n");
    project.request.files = {"a.yaml", "b.yaml", "c.yaml"};
    EXPECT_EQ(project.loaded().name, "b");
}

TEST(ComposeName, AGivenNameMustBeLegal) {
    ComposeProject project;
    project.file("compose.yaml", kWeb);
    project.request.project_name = "Shop";
    EXPECT_EQ(project.messages(),
              "error: invalid project name \"Shop\" (-p)\n"
              "  hint: use lower-case letters, digits, \"_\" and \"-\", beginning with a letter or digit\n");
}

TEST(ComposeName, IsAVariableAndNamesResources) {
    ComposeProject project;
    project.file(
        "compose.yaml",
        "services: {web: {image: '${COMPOSE_PROJECT_NAME}/web', volumes: [d:/d]}}\nvolumes: {d: }\n");
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.services.at("web").image, "shop/web");
    EXPECT_EQ(loaded.volumes.at("d").name, "shop_d");
    EXPECT_EQ(loaded.networks.at("default").name, "shop_default");
}

// ---- variables --------------------------------------------------------------------------------------------------

TEST(ComposeVariables, ShellBeatsDotenvAndEnvFilesReplaceIt) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {image: '$A-$B-$C'}}\n")
        .file(".env", "A=dot\nB=dot\nC=dot\n");
    project.request.environment = {{"A", "shell"}};
    EXPECT_EQ(project.loaded().services["web"].image, "shell-dot-dot");
    project.file("one.env", "B=one\nC=one\n").file("two.env", "C=two-$B\n");
    project.request.env_files = {"one.env", "two.env"};
    EXPECT_EQ(project.loaded().services["web"].image, "shell-one-two-one");
    project.request.env_files.clear();
    project.request.environment["COMPOSE_ENV_FILES"] = "one.env,two.env";
    EXPECT_EQ(project.loaded().services["web"].image, "shell-one-two-one");
}

TEST(ComposeVariables, DotenvCanBeSwitchedOff) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {image: 'x${A:-}'}}\n").file(".env", "A=dot\n");
    project.request.environment = {{"COMPOSE_DISABLE_ENV_FILE", "true"}};
    EXPECT_EQ(project.loaded().services["web"].image, "x");
}

TEST(ComposeVariables, DotenvSteersTheTool) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {image: a}, job: {image: b, profiles: [p]}}\n")
        .file(".env", "COMPOSE_PROJECT_NAME=dot\nCOMPOSE_PROFILES=other, p\n");
    EXPECT_EQ(project.loaded().name, "dot");
    EXPECT_EQ(project.loaded().services.count("job"), 1u);
    project.request.profiles = {"none"};
    EXPECT_EQ(project.loaded().services.count("job"), 0u);
}

TEST(ComposeVariables, PwdIsTheWorkingDirectoryUnlessTheShellSaysOtherwise) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {image: a, user: '$PWD'}}\n");
    EXPECT_EQ(project.loaded().services["web"].user, project.request.cwd);
    project.request.environment = {{"PWD", "/elsewhere"}};
    EXPECT_EQ(project.loaded().services["web"].user, "/elsewhere");
}

TEST(ComposeVariables, AnEnvFileThatIsNamedMustBeThere) {
    ComposeProject project;
    project.file("compose.yaml", kWeb);
    project.request.environment = {{"COMPOSE_ENV_FILES", "/dev/null"}};
    EXPECT_EQ(project.messages(), "");
    project.request.env_files = {"absent.env"};
    EXPECT_EQ(project.messages(), "absent.env: error: the env file does not exist\n");
}

TEST(ComposeVariables, TheSwitchForDotenvIsTrueOrFalse) {
    ComposeProject project;
    project.file("compose.yaml", kWeb);
    project.request.environment = {{"COMPOSE_DISABLE_ENV_FILE", "maybe"}};
    EXPECT_EQ(project.messages(), "error: COMPOSE_DISABLE_ENV_FILE must be true or false, not \"maybe\"\n");
}

TEST(ComposeVariables, AMistakeInDotenvHasItsPlace) {
    ComposeProject project;
    project.file("compose.yaml", kWeb).file(".env", "A=1\nB C=2\n");
    EXPECT_EQ(project.messages(),
              ".env:2:2: error: the name \"B C\" contains a space\n"
              "    2 | B C=2\n"
              "      |  ^\n");
}

TEST(ComposeVariables, EnvFileIsNoSourceForInterpolation) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {image: 'x${A:-none}', env_file: a.env}}\n")
        .file("a.env", "A=1\n");
    const Service web = project.loaded().services["web"];
    EXPECT_EQ(web.image, "xnone");
    EXPECT_EQ(web.environment, (Environment{{"A", "1"}}));
}

TEST(ComposeVariables, InterpolationCanBeSwitchedOff) {
    ComposeProject project;
    project.file("compose.yaml", "services: {web: {image: '${A:?}'}}\n");
    project.request.interpolate = false;
    EXPECT_EQ(project.loaded().services["web"].image, "${A:?}");
}

TEST(ComposeVariables, ValuesFillNumbersAndBools) {
    const Service web = load_service(
        "    tty: $T\n    scale: $N\n    mem_limit: ${M}\n    ports: ['$N:$N']\n    read_only: \"YES\"\n",
        {{"T", "TRUE"}, {"N", "3"}, {"M", "64m"}});
    EXPECT_TRUE(web.tty);
    EXPECT_EQ(web.scale, 3);
    EXPECT_EQ(web.mem_limit_bytes, 64 << 20);
    EXPECT_EQ(web.ports[0].target, 3);
    EXPECT_TRUE(web.read_only);
}

// ---- env_file ---------------------------------------------------------------------------------------------------

TEST(ComposeEnvFile, LaterFilesWinAndEnvironmentBeatsThem) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {web: {image: x, env_file: [a.env, b.env], environment: {C: env, D: }}}\n");
    project.file("a.env", "A=a\nB=a\nC=a\nD=a\n").file("b.env", "B=b-${A}-${C}\n");
    project.request.environment = {{"D", "shell"}};
    EXPECT_EQ(project.loaded().services["web"].environment,
              (Environment{{"A", "a"}, {"B", "b-a-env"}, {"C", "env"}, {"D", "shell"}}));
}

TEST(ComposeEnvFile, AMissingOneIsAnErrorUnlessItNeedNotBe) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {web: {image: x, env_file: [{path: no.env, required: false}]}}\n");
    project.loaded();
    project.file("compose.yaml", "services: {web: {image: x, env_file: no.env}}\n");
    EXPECT_EQ(project.messages(),
              "compose.yaml:1:38: error: service \"web\": env_file no.env does not exist\n"
              "    1 | services: {web: {image: x, env_file: no.env}}\n"
              "      |                                      ^~~~~~\n"
              "  hint: create it, or write it as {path: …, required: false}\n");
}

TEST(ComposeEnvFile, IsReadForActiveServicesOnly) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {web: {image: x}, off: {image: x, profiles: [p], env_file: no.env}}\n");
    project.loaded();
}

// ---- profiles ---------------------------------------------------------------------------------------------------

std::string names(const std::map<std::string, Service>& services) {
    std::string out;
    for (const auto& [name, service] : services) out += name + " ";
    return out;
}

TEST(ComposeProfiles, SwitchServicesOn) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n  web: {image: x}\n  a: {image: x, profiles: [one]}\n"
                 "  b: {image: x, profiles: [one, two]}\n  c: {image: x, profiles: [three]}\n");
    EXPECT_EQ(names(project.loaded().services), "web ");
    EXPECT_EQ(names(project.loaded().disabled_services), "a b c ");
    EXPECT_EQ(project.load().known_profiles, (std::vector<std::string>{"one", "three", "two"}));
    project.request.profiles = {"two"};
    EXPECT_EQ(names(project.loaded().services), "b web ");
    project.request.environment = {{"COMPOSE_PROFILES", "one, three"}};
    EXPECT_EQ(names(project.loaded().services), "b web ");
    project.request.profiles.clear();
    EXPECT_EQ(names(project.loaded().services), "a b c web ");
    project.request.environment.clear();
    project.request.profiles = {"*"};
    EXPECT_EQ(names(project.loaded().services), "a b c web ");
    project.request.profiles.clear();
    project.request.selected_services = {"c"};
    EXPECT_EQ(names(project.loaded().services), "c web ");
}

// ---- what is implied --------------------------------------------------------------------------------------------

TEST(ComposeNormalize, GivesTheDefaultNetworkToWhoNamesNone) {
    ComposeProject project;
    project.file(
        "compose.yaml",
        "services:\n  a: {image: x}\n  b: {image: x, networks: [n]}\n  c: {image: x, network_mode: none}\n"
        "  d: {image: x, networks: []}\nnetworks: {n: }\n");
    const Project loaded = project.loaded();
    EXPECT_TRUE(loaded.services.at("a").networks.contains("default"));
    EXPECT_FALSE(loaded.services.at("b").networks.contains("default"));
    EXPECT_TRUE(loaded.services.at("c").networks.empty());
    EXPECT_TRUE(loaded.services.at("d").networks.contains("default"));
    project.file("compose.yaml", "services: {b: {image: x, networks: [n]}}\nnetworks: {n: }\n");
    EXPECT_FALSE(project.loaded().networks.contains("default"));
}

TEST(ComposeNormalize, ExternalResourcesKeepTheirNames) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {a: {image: x, networks: [n, m]}}\n"
                 "networks: {n: {external: true}, m: {external: true, name: real}}\n");
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.networks.at("n").name, "n");
    EXPECT_EQ(loaded.networks.at("m").name, "real");
}

TEST(ComposeNormalize, SecretsFromTheEnvironmentHaveItsValue) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services: {a: {image: x}}\nsecrets: {s: {environment: SET}, t: {environment: UNSET}}\n");
    project.request.environment = {{"SET", "v"}};
    const Project loaded = project.loaded();
    EXPECT_EQ(loaded.secrets.at("s").content, "v");
    EXPECT_EQ(loaded.secrets.at("t").content, std::nullopt);
}

TEST(ComposeNormalize, LinksAreDependencies) {
    ComposeProject project;
    project.file("compose.yaml", "services: {a: {image: x, links: [b]}, b: {image: x}}\n");
    const Dependency expected{DependencyCondition::service_started, true, true};
    EXPECT_EQ(project.loaded().services["a"].depends_on.at("b"), expected);
}

TEST(ComposeNormalize, NamesPlacesForRunTime) {
    ComposeProject project;
    project.file("compose.yaml",
                 "services:\n  web:\n    image: nginx\n    depends_on: [db]\n  db: {image: x}\n");
    const Service web = project.loaded().services["web"];
    EXPECT_EQ(web.position, (Position{project.path("compose.yaml"), 2, 3}));
    EXPECT_EQ(web.positions.at("image"), (Position{project.path("compose.yaml"), 3, 12}));
    EXPECT_EQ(web.positions.at("depends_on.db"), (Position{project.path("compose.yaml"), 4, 18}));
}

TEST(ComposeCommand, TellsAbsentFromCleared) {
    EXPECT_EQ(load_service("").command, std::nullopt);
    EXPECT_EQ(load_service("    command:\n").command, std::nullopt);
    EXPECT_EQ(load_service("    command: []\n").command, std::vector<std::string>{});
    EXPECT_EQ(load_service("    command: ''\n").command, std::vector<std::string>{});
    EXPECT_EQ(load_service("    command: a 'b c'\n").command, (std::vector<std::string>{"a", "b c"}));
}

TEST(ComposeDeploy, SaysScaleLimitsAndRestart) {
    const Service web = load_service(
        "    restart: always\n    deploy:\n      replicas: 2\n      resources:\n"
        "        limits: {cpus: '0.5', memory: 10m, pids: 7}\n        reservations: {memory: 5m}\n"
        "      restart_policy: {condition: on-failure, max_attempts: 3, delay: 5s}\n");
    EXPECT_EQ(web.scale, 2);
    EXPECT_EQ(web.cpus, 0.5);
    EXPECT_EQ(web.mem_limit_bytes, 10 << 20);
    EXPECT_EQ(web.mem_reservation_bytes, 5 << 20);
    EXPECT_EQ(web.pids_limit, 7);
    EXPECT_EQ(web.restart.kind, RestartPolicy::Kind::on_failure);
    EXPECT_EQ(web.restart.max_attempts, 3);
    EXPECT_EQ(web.restart.delay, std::chrono::seconds{5});
}

}  // namespace
}  // namespace stack::compose::test
