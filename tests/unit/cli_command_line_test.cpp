// What users type, and what the program understands.
#include "manager/cli/command_line.hpp"
#include "manager/cli/command_tree.hpp"
#include "runtime/base/child_process.hpp"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

Invocation parse(const Words& words) {
    ParsedCommandLine parsed = parse_command_line(words);
    if (const auto* wrong = std::get_if<UsageError>(&parsed)) throw std::runtime_error(wrong->message);
    return std::get<Invocation>(std::move(parsed));
}
template <class T>
T command(const Words& words) {
    return std::get<T>(parse(words).command);
}
UsageError usage_error(const Words& words) {
    return std::get<UsageError>(parse_command_line(words));
}
std::string text(const Words& words) {
    return std::get<Text>(parse_command_line(words)).text;
}

TEST(CommandLine, ReadsGlobalFlagsBeforeTheCommand) {
    const GlobalOptions g = parse({"-f",
                                   "a.yaml",
                                   "--file=b.yaml",
                                   "-pshop",
                                   "--profile",
                                   "x",
                                   "--profile",
                                   "*",
                                   "--env-file",
                                   "e",
                                   "--project-directory",
                                   "/d",
                                   "--ansi",
                                   "never",
                                   "--progress",
                                   "plain",
                                   "--parallel",
                                   "-1",
                                   "--root",
                                   "/r",
                                   "--run-root",
                                   "/rr",
                                   "ls"})
                                .globals;
    EXPECT_THAT(g.files, ElementsAre("a.yaml", "b.yaml"));
    EXPECT_EQ(g.project_name, "shop");
    EXPECT_THAT(g.profiles, ElementsAre("x", "*"));
    EXPECT_THAT(g.env_files, ElementsAre("e"));
    EXPECT_EQ(g.project_directory, "/d");
    EXPECT_EQ(g.ansi, AnsiMode::never);
    EXPECT_EQ(g.progress, ProgressMode::plain);
    EXPECT_EQ(g.parallel, -1);
    EXPECT_EQ(g.root, "/r");
    EXPECT_EQ(g.run_root, "/rr");
}

TEST(CommandLine, ReadsAllFlagsOfUp) {
    const auto up =
        command<UpCommand>({"up", "-d", "--wait", "--wait-timeout", "30", "--scale", "web=3", "--scale=db=0",
                            "--force-recreate", "--remove-orphans", "--no-deps", "-t", "5", "web", "db"});
    EXPECT_TRUE(up.detach);
    EXPECT_TRUE(up.wait);
    EXPECT_EQ(up.wait_timeout, 30s);
    EXPECT_EQ(up.options.scale, (std::map<std::string, int>{{"db", 0}, {"web", 3}}));
    EXPECT_TRUE(up.options.force_recreate && up.options.remove_orphans && up.options.no_deps &&
                up.options.start);
    EXPECT_EQ(up.options.timeout, 5s);
    EXPECT_EQ(up.options.services, (std::set<std::string>{"db", "web"}));
}

TEST(CommandLine, UnderstandsFlagsAfterServicesAndInClusters) {
    EXPECT_TRUE(command<UpCommand>({"up", "web", "-d"}).detach);
    const auto ps = command<PsCommand>({"ps", "-aq"});
    EXPECT_TRUE(ps.all && ps.quiet);
    EXPECT_EQ(command<LogsCommand>({"logs", "-n5", "-ft"}).tail, 5u);
    EXPECT_FALSE(command<LogsCommand>({"logs", "--tail=all"}).tail.has_value());
}

TEST(CommandLine, TakesDryRunBeforeAndAfterTheCommand) {
    EXPECT_TRUE(parse({"--dry-run", "up"}).globals.dry_run);
    EXPECT_TRUE(parse({"up", "--dry-run"}).globals.dry_run);
    EXPECT_TRUE(parse({"--dry-run", "down", "--dry-run"}).globals.dry_run);
    EXPECT_FALSE(parse({"up"}).globals.dry_run);
}

TEST(CommandLine, TakesServicesNamedLikeCommands) {
    EXPECT_THAT(command<LogsCommand>({"logs", "up", "image", "ps"}).services,
                ElementsAre("up", "image", "ps"));
    EXPECT_EQ(command<ExecCommand>({"exec", "logs", "up", "-d"}).service, "logs");
}

TEST(CommandLine, LeavesTheWordsOfExecAlone) {
    const auto exec = command<ExecCommand>({"exec", "-T", "-e", "A=[x,y]", "--env", "B=", "-u", "1:2", "web",
                                            "sh", "-c", "[ -f x ]", "--", "-d", "--user=z", "stack"});
    EXPECT_TRUE(exec.no_tty);
    EXPECT_FALSE(exec.detach);
    EXPECT_THAT(exec.env, ElementsAre("A=[x,y]", "B="));
    EXPECT_EQ(exec.user, "1:2");
    EXPECT_EQ(exec.service, "web");
    EXPECT_THAT(exec.argv, ElementsAre("sh", "-c", "[ -f x ]", "--", "-d", "--user=z", "stack"));
}

TEST(CommandLine, ReadsClustersAndTheDoubleDashOfExec) {
    const auto exec = command<ExecCommand>({"exec", "-Te", "A=1", "--index", "2", "--", "web", "--", "x"});
    EXPECT_TRUE(exec.no_tty);
    EXPECT_THAT(exec.env, ElementsAre("A=1"));
    EXPECT_EQ(exec.index, 2);
    EXPECT_EQ(exec.service, "web");
    EXPECT_THAT(exec.argv, ElementsAre("--", "x"));
    EXPECT_EQ(command<ExecCommand>({"exec", "-it", "web", "sh"}).argv, Words{"sh"});
    EXPECT_FALSE(command<ExecCommand>({"exec", "--interactive=false", "web", "sh"}).interactive);
}

TEST(CommandLine, ExecNeedsAServiceAndACommand) {
    EXPECT_THAT(usage_error({"exec", "web"}).message, HasSubstr("needs a service and a command"));
    EXPECT_THAT(usage_error({"exec", "-T", "-e"}).message, HasSubstr("needs a value"));
    EXPECT_EQ(usage_error({"exec", "--usr", "x", "web", "sh"}).hint, "did you mean `--user`?");
}

TEST(CommandLine, EmptyValuesAreValues) {
    EXPECT_EQ(command<ExecCommand>({"exec", "--user=", "-w", "", "web", "sh"}).user, "");
    EXPECT_EQ(parse({"--project-name=", "ls"}).globals.project_name, "");
    EXPECT_TRUE(std::holds_alternative<LsCommand>(parse({"--project-name=", "ls"}).command));
}

TEST(CommandLine, SuggestsTheNearestCommand) {
    EXPECT_EQ(usage_error({"upp", "-d"}).message, "unknown command 'upp'");
    EXPECT_EQ(usage_error({"upp", "-d"}).hint, "did you mean `stack up`?");
    EXPECT_EQ(usage_error({"image", "imprt"}).hint, "did you mean `stack image import`?");
    EXPECT_EQ(usage_error({"xyzzy"}).hint, "`stack help` lists the commands");
    EXPECT_EQ(usage_error({"upp"}).exit_code, 2);
}

TEST(CommandLine, SuggestsTheNearestFlag) {
    EXPECT_EQ(usage_error({"up", "--detatch"}).message, "unknown flag '--detatch' for `stack up`");
    EXPECT_EQ(usage_error({"up", "--detatch"}).hint, "did you mean `--detach`?");
    EXPECT_EQ(usage_error({"--profil=x", "up"}).hint, "did you mean `--profile`?");
}

TEST(CommandLine, SaysWhereAGlobalFlagBelongs) {
    EXPECT_THAT(usage_error({"up", "-f", "x"}).hint, HasSubstr("goes before the command"));
}

TEST(CommandLine, NamesWhatComposeHasAndThisProgramNot) {
    EXPECT_EQ(usage_error({"build"}).message, "`stack build` is not supported yet");
    EXPECT_EQ(usage_error({"build"}).exit_code, 1);
    EXPECT_EQ(usage_error({"up", "--build"}).message, "`--build` of `stack up` is not supported yet");
}

TEST(CommandLine, RefusesBadValuesByName) {
    EXPECT_THAT(usage_error({"up", "--scale", "web"}).message, HasSubstr("'web' is not SERVICE=NUMBER"));
    EXPECT_THAT(usage_error({"up", "--scale", "web=-1"}).message, HasSubstr("is not SERVICE=NUMBER"));
    EXPECT_THAT(usage_error({"down", "-t", "soon"}).message, HasSubstr("'soon' is not a number of seconds"));
    EXPECT_THAT(usage_error({"ps", "--format", "xml"}).message, HasSubstr("must be one of table, json"));
    EXPECT_THAT(usage_error({"ps", "--status", "asleep"}).message, HasSubstr("must be one of"));
    EXPECT_THAT(usage_error({"kill", "-s", "SIGNOPE"}).message, HasSubstr("'SIGNOPE' is not a signal"));
    EXPECT_THAT(usage_error({"logs", "--index", "2"}).message, HasSubstr("exactly one service"));
    EXPECT_THAT(usage_error({"up", "-d", "--abort-on-container-exit"}).message, HasSubstr("foreground"));
    EXPECT_THAT(usage_error({"ls", "web"}).message, HasSubstr("unexpected argument 'web'"));
    EXPECT_THAT(usage_error({"up", "--force-recreate", "--no-recreate"}).message, HasSubstr("--no-recreate"));
}

TEST(CommandLine, ExitCodeFromImpliesAbort) {
    EXPECT_TRUE(command<UpCommand>({"up", "--exit-code-from", "web"}).abort_on_exit);
}

TEST(CommandLine, KillTakesSignalsByNameAndNumber) {
    EXPECT_EQ(command<SelectCommand>({"kill"}).options.signal, 9);
    EXPECT_EQ(command<SelectCommand>({"kill", "-s", "HUP"}).options.signal, 1);
    EXPECT_EQ(command<SelectCommand>({"kill", "--signal=15"}).options.signal, 15);
}

template <class T>
T image_command(const Words& words) {
    return std::get<T>(command<ImageCommand>(words));
}

TEST(CommandLine, ReadsImageCommandsAsDockerDoes) {
    EXPECT_EQ(image_command<ImagePullCommand>({"image", "pull", "--platform", "linux/arm64", "-q", "a", "b"}),
              (ImagePullCommand{{"a", "b"}, "linux/arm64", true}));
    EXPECT_EQ(image_command<ImagePushCommand>({"image", "push", "a:1"}), (ImagePushCommand{{"a:1"}, false}));
    EXPECT_EQ(image_command<ImageLoadCommand>({"image", "load", "-qi", "a.tar"}),
              (ImageLoadCommand{"a.tar", true}));
    EXPECT_EQ(image_command<ImageLoadCommand>({"image", "load"}).input, "-");
    EXPECT_EQ(image_command<ImageSaveCommand>({"image", "save", "a", "b", "-o", "x.tar", "--format", "oci"}),
              (ImageSaveCommand{{"a", "b"}, "x.tar", "oci"}));
    EXPECT_EQ(image_command<ImageExportCommand>({"image", "export", "a"}), (ImageExportCommand{"a", ""}));
    EXPECT_THAT(usage_error({"image", "pull"}).message, HasSubstr("missing"));
    EXPECT_THAT(usage_error({"image", "save", "a", "--format", "zip"}).message, HasSubstr("docker, oci"));
}

TEST(CommandLine, ReadsWhatProjectsPullAndPush) {
    EXPECT_EQ(command<PullCommand>({"pull", "--policy", "missing", "--include-deps", "-q", "web"}),
              (PullCommand{{"web"}, "missing", true, false, false, true}));
    EXPECT_THAT(usage_error({"pull", "--policy", "never"}).message, HasSubstr("always, missing"));
    EXPECT_TRUE(command<PushCommand>({"push", "--ignore-push-failures"}).ignore_failures);
    EXPECT_EQ(command<ImagesCommand>({"images", "--format", "json"}).format, "json");
    EXPECT_EQ(command<UpCommand>({"up", "--pull", "always", "--quiet-pull"}).pull, "always");
    EXPECT_EQ(command<UpCommand>({"up", "--pull", "policy"}).pull, "");
    EXPECT_THAT(usage_error({"up", "--pull", "sometimes"}).message, HasSubstr("policy"));
}

TEST(CommandLine, ReadsStoreAndVolumeCommands) {
    EXPECT_EQ(command<GcCommand>({"gc", "--keep", "20G"}).keep_bytes, 20ull << 30);
    EXPECT_TRUE(parse({"gc", "--dry-run"}).globals.dry_run);
    EXPECT_THAT(usage_error({"gc", "--keep", "much"}).message, HasSubstr("'much' is not a size"));
    EXPECT_TRUE(command<DfCommand>({"df", "-v"}).verbose);
    EXPECT_EQ(
        std::get<VolumeCreateCommand>(command<VolumeCommand>({"volume", "create", "--label", "a=b", "v"})),
        (VolumeCreateCommand{"v", {"a=b"}}));
    EXPECT_EQ(std::get<VolumePruneCommand>(command<VolumeCommand>({"volume", "prune", "-af"})),
              (VolumePruneCommand{true, true, {}}));
    EXPECT_EQ(image_command<ImagePruneCommand>({"image", "prune", "-a", "--filter", "until=24h"}),
              (ImagePruneCommand{true, false, {"until=24h"}}));
    EXPECT_TRUE(image_command<ImageHistoryCommand>({"image", "history", "--no-trunc", "a"}).no_trunc);
    EXPECT_THAT(usage_error({"volume", "prnue"}).hint, HasSubstr("stack volume prune"));
}

TEST(CommandLine, ReadsLogins) {
    EXPECT_EQ(command<LoginCommand>({"login", "-u", "ann", "--password-stdin", "registry.lan:5000"}),
              (LoginCommand{"registry.lan:5000", "ann", "", true}));
    EXPECT_EQ(command<LoginCommand>({"login"}), LoginCommand{});
    EXPECT_EQ(command<LogoutCommand>({"logout", "a.io"}).registry, "a.io");
    EXPECT_THAT(usage_error({"login", "--password-stdin"}).message, HasSubstr("--username"));
    EXPECT_THAT(usage_error({"login", "-u", "a", "-p", "x", "--password-stdin"}).message,
                HasSubstr("--password"));
}

TEST(CommandLine, EveryCommandHasHelpThatNamesItsFlags) {
    for (const std::string_view path : command_paths()) {
        Words words;
        for (std::size_t at = 0; at <= path.size();) {
            const std::size_t end = std::min(path.find(' ', at), path.size());
            words.emplace_back(path.substr(at, end - at));
            at = end + 1;
        }
        words.emplace_back("--help");
        const std::string help = text(words);
        EXPECT_THAT(help, HasSubstr("Usage: stack " + std::string{path})) << path;
        for (const std::string& flag : flag_names(path)) EXPECT_THAT(help, HasSubstr(flag)) << path;
    }
    EXPECT_EQ(text({"help", "up"}), text({"up", "-h"}));
    EXPECT_EQ(text({}), text({"--help"}));
}

TEST(CommandLine, CompletionKnowsEveryFlag) {
    const std::string bash = text({"completion", "bash"}), fish = text({"completion", "fish"});
    for (const std::string_view path : command_paths())
        for (const std::string& flag : flag_names(path)) {
            EXPECT_THAT(bash, HasSubstr(flag));
            if (flag.starts_with("--")) {
                EXPECT_THAT(fish, HasSubstr("-l " + flag.substr(2)));
            }
        }
    EXPECT_THAT(usage_error({"completion", "tcsh"}).message, HasSubstr("bash, zsh or fish"));
}

TEST(CommandLine, TheBashCompletionIsAScriptThatCompletes) {
    const std::string path = ::testing::TempDir() + "stack_completion_" + std::to_string(::getpid());
    std::ofstream{path} << text({"completion", "bash"});
    const auto completed = [&](const std::string& words) {
        const std::string script = "source " + path + "; COMP_WORDS=(" + words +
                                   "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _stack; echo \"${COMPREPLY[*]}\"";
        const CommandResult result =
            run_command({{"/bin/bash", "-c", script}, std::nullopt, {}, false, std::nullopt});
        EXPECT_EQ(result.err, "");
        return result.out;
    };
    EXPECT_EQ(completed("stack u"), "up\n");
    EXPECT_EQ(completed("stack -f compose.yaml lo"), "login logout logs\n");
    EXPECT_EQ(completed("stack --project-name up up --det"), "--detach\n");
    EXPECT_EQ(completed("stack image in"), "inspect\n");
    EXPECT_EQ(completed("stack image import --entry"), "--entrypoint\n");
    std::filesystem::remove(path);
}

TEST(CommandLine, VersionIsAFlagAndACommand) {
    EXPECT_TRUE(std::holds_alternative<VersionCommand>(parse({"--version"}).command));
    EXPECT_TRUE(command<VersionCommand>({"version", "--short"}).is_short);
}

}  // namespace
}  // namespace stack::cli
