// `userns_mode: private`: root inside is nobody outside, and everything else is as without it.
#include "runtime/base/path_at.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class UserNamespace : public StackTest {
  protected:
    [[nodiscard]] std::string output_of(const std::string& service, const std::string& script) const {
        return exec(service, {"sh", "-c", "exec 2>&1; " + script}).out;
    }
    [[nodiscard]] std::string root(const std::string& name) const {
        return stack().dirs().root() + "/" + name;
    }
    [[nodiscard]] pid_t pid_of(const std::string& service) const {
        const std::string id = container(service).value("ID", ""),
                          all = root("projects/" + stack().project());
        for (const std::string& name : list_directory(all + "/containers"))
            if (!id.empty() && name.starts_with(id))
                return nlohmann::json::parse(read_file(all + "/containers/" + name + "/state.json"))
                    .value("pid", 0);
        return 0;
    }
    /// First id of the host and their number, as the container's map says.
    struct Map {
        std::uint32_t first = 0, size = 0;
    };
    [[nodiscard]] Map map_of(const std::string& service, const char* kind = "uid") const {
        std::istringstream words{output_of(service, fmt::format("cat /proc/self/{}_map", kind))};
        std::uint32_t inside = 1;
        Map map;
        words >> inside >> map.first >> map.size;
        EXPECT_EQ(inside, 0u);
        return map;
    }
    [[nodiscard]] static std::string owner(const std::string& path) {
        struct stat info {};
        if (::stat(path.c_str(), &info) != 0) return "missing";
        return fmt::format("{}:{}", info.st_uid, info.st_gid);
    }
    [[nodiscard]] std::string namespace_of(const std::string& service, const std::string& kind) const {
        return output_of(service, "readlink /proc/1/ns/" + kind);
    }
};

constexpr const char* kSleeper = R"(
services:
  web: {image: payload, command: [stack-payload, sleep], userns_mode: private, stop_grace_period: 1s}
)";

TEST_F(UserNamespace, RootInsideIsNotRootOutside) {
    up(kSleeper);
    const Map uids = map_of("web"), gids = map_of("web", "gid");
    EXPECT_GT(uids.first, 0u);
    EXPECT_EQ(uids.size, 65536u);
    EXPECT_EQ(gids.size, 65536u);
    const pid_t pid = pid_of("web");
    ASSERT_NE(pid, 0);
    EXPECT_EQ(owner(fmt::format("/proc/{}", pid)), fmt::format("{}:{}", uids.first, gids.first));
    EXPECT_EQ(output_of("web", "id -u; id -g; stat -c %u:%g / /bin /etc/passwd /proc/1 /dev/shm /dev/pts"),
              "0\n0\n0:0\n0:0\n0:0\n0:0\n0:0\n0:0\n");
    // What is the host's is nobody's, and closed to who is nobody.
    EXPECT_EQ(output_of("web", "stat -c %u /sys/kernel /proc/sys/kernel /dev/null"), "65534\n65534\n65534\n");
    EXPECT_THAT(
        output_of("web",
                  "echo x > /dev/null && echo written; cat /proc/sys/kernel/panic > /proc/sys/kernel/panic"),
        AllOf(HasSubstr("written"), HasSubstr("an't create")));
    EXPECT_THAT(links_of("web"), ElementsAre("eth0", "lo"));
}

TEST_F(UserNamespace, OfEachContainerHasIdsOfItsOwnForAsLongAsItIsThere) {
    up(R"(
services:
  web: {image: payload, command: [stack-payload, sleep], userns_mode: private, scale: 2, stop_grace_period: 1s}
  api: {image: payload, command: [stack-payload, sleep], userns_mode: "auto:size=1000", stop_grace_period: 1s}
  old: {image: payload, command: [stack-payload, sleep], userns_mode: host, stop_grace_period: 1s}
)");
    const auto map_of_replica = [&](const char* index) {
        return stack().run({"exec", "-T", "--index", index, "web", "cat", "/proc/self/uid_map"}).out;
    };
    EXPECT_NE(map_of_replica("1"), map_of_replica("2"));
    EXPECT_EQ(map_of("api").size, 1000u);
    EXPECT_EQ(map_of("old").first, 0u);
    EXPECT_NE(namespace_of("api", "user"), namespace_of("old", "user"));
    const Map before = map_of("api");
    ASSERT_EQ(output_of("api", "echo kept > /file; chown 7:8 /file"), "");
    EXPECT_EXIT_CODE(stack().run({"restart", "api"}), 0);
    EXPECT_EQ(map_of("api").first, before.first);
    EXPECT_EQ(output_of("api", "cat /file; stat -c %u:%g /file; echo more >> /file"), "kept\n7:8\n");
    EXPECT_TRUE(path_exists(root("id-ranges.json")));
    EXPECT_EXIT_CODE(stack().run({"down", "-v"}), 0);
    EXPECT_FALSE(path_exists(root("id-ranges.json")));
}

TEST_F(UserNamespace, FilesOfVolumesAndBindsHaveTheOwnersThatTheyHaveInside) {
    stack().write("bind/given", "from the host\n");
    stack().write("password.txt", "swordfish", 0400);
    ASSERT_EQ(::chown((stack().dirs().project_dir() + "/bind/given").c_str(), 1000, 1001), 0);
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    userns_mode: private
    volumes: [data:/data, ./bind:/bind, /anonymous]
    tmpfs: ["/scratch:uid=33,mode=700"]
    secrets: [password]
    configs: [{source: app, target: /etc/app.conf, uid: '5', gid: '6', mode: 0440}]
volumes: {data: }
secrets: {password: {file: ./password.txt}}
configs: {app: {content: "mode = test\n"}}
)");
    EXPECT_EQ(output_of("web",
                        "for d in /data /bind /anonymous; do echo x > $d/root; echo x > $d/user; "
                        "chown 1000:1001 $d/user; done; stat -c %u:%g /bind/given /bind/root /data/user"),
              "1000:1001\n0:0\n1000:1001\n");
    const std::string data = root(fmt::format("volumes/{}_data/_data", stack().project()));
    for (const std::string& directory : {data, stack().dirs().project_dir() + "/bind"}) {
        EXPECT_EQ(owner(directory + "/root"), "0:0") << directory;
        EXPECT_EQ(owner(directory + "/user"), "1000:1001") << directory;
    }
    EXPECT_EQ(output_of("web", "cat /run/secrets/password; stat -c ' %u:%g' /run/secrets/password"),
              "swordfish 0:0\n");
    EXPECT_EQ(output_of("web", "cat /etc/app.conf; stat -c %u:%g /etc/app.conf"), "mode = test\n5:6\n");
    EXPECT_EQ(output_of("web", "stat -c %u /scratch; touch /scratch/x; grep -c /scratch /proc/mounts"),
              "33\n1\n");
    EXPECT_EQ(output_of("web", "echo 192.0.2.1 elsewhere >> /etc/hosts; stat -c %u:%g /etc/hosts"), "0:0\n");
}

TEST_F(UserNamespace, VolumesThatTheImageFilledHaveTheOwnersOfTheImage) {
    up(R"(
services:
  web: {image: payload, command: [stack-payload, sleep], userns_mode: private, volumes: [programs:/bin]}
  old: {image: payload, command: [stack-payload, sleep], volumes: [programs:/bin]}
volumes: {programs: }
)");
    for (const char* service : {"web", "old"})
        EXPECT_EQ(output_of(service, "stat -c %u:%g /bin /bin/sh; echo $?"), "0:0\n0:0\n0\n") << service;
    const std::string volume = root(fmt::format("volumes/{}_programs", stack().project()));
    EXPECT_THAT(list_directory(volume), ElementsAre("_data", "fill.lock", "volume.json"));
}

TEST_F(UserNamespace, NetworkIsAsWithoutIt) {
    up(R"(
services:
  web:
    image: payload
    command: [stack-payload, http, '80', web]
    userns_mode: private
    ports: ['8080:80']
    sysctls: {net.ipv4.ip_default_ttl: '33'}
    healthcheck: {test: [CMD, stack-payload, connect, 127.0.0.1, '80'], interval: 100ms, retries: 100}
  app:
    image: payload
    command: [stack-payload, http, '80', app]
    userns_mode: auto
    depends_on: {web: {condition: service_healthy}}
  old: {image: payload, command: [stack-payload, http, '80', old]}
  alone: {image: payload, command: [stack-payload, sleep], userns_mode: private, network_mode: none}
)");
    EXPECT_THAT(http_get_once_up("127.0.0.1", 8080).body, HasSubstr("web from"));
    for (const char* asker : {"web", "app", "old"})
        for (const char* name : {"web", "app", "old"})
            EXPECT_THAT(answer_of(name, asker), HasSubstr(fmt::format("{} from", name))) << asker;
    EXPECT_EQ(output_of("web", "cat /proc/sys/net/ipv4/ip_default_ttl"), "33\n");
    EXPECT_THAT(links_of("alone"), ElementsAre("lo"));
    EXPECT_THAT(container("web").value("Health", ""), "healthy");
}

TEST_F(UserNamespace, CapabilitiesHoldInsideAndOverItsOwnNetwork) {
    up(R"(
x-base: &base {image: payload, command: [stack-payload, sleep], userns_mode: private}
services:
  plain: {<<: *base}
  admin: {<<: *base, cap_add: [NET_ADMIN]}
  all: {<<: *base, cap_add: [ALL], security_opt: [seccomp=unconfined]}
)");
    const char* rename = "ip link set lo mtu 9000 && echo done";
    EXPECT_THAT(output_of("plain", rename), HasSubstr("not permitted"));
    EXPECT_EQ(output_of("admin", rename), "done\n");
    const std::string result =
        output_of("all",
                  "mknod /null c 1 3 && echo made; date -s @1 | grep x; dmesg > /dev/null && echo read; "
                  "mount -o remount,rw /proc/sys && cat /proc/sys/kernel/panic > /proc/sys/kernel/panic && "
                  "echo changed; "
                  "mount -t tmpfs none /tmp && echo mounted");
    for (const char* word : {"made", "read\n", "changed"}) EXPECT_THAT(result, Not(HasSubstr(word)));
    EXPECT_THAT(result, AllOf(HasSubstr("can't set date"), HasSubstr("panic: Permission denied"),
                              HasSubstr("mounted")));  // a tmpfs of its own is no harm
}

TEST_F(UserNamespace, UsersTerminalsAndInitWorkInIt) {
    up(R"(
services:
  web:
    image: payload
    command: [sh, -c, 'id -u; exec stack-payload sleep']
    userns_mode: private
    user: '1000:1001'
    init: true
    read_only: true
    x-time-offset: {boottime: 720h}
  tty: {image: payload, command: [sh, -c, 'tty; stack-payload sleep'], userns_mode: private, tty: true}
)");
    EXPECT_TRUE(eventually([&] { return logs("web") == "1000\n"; })) << logs("web");
    EXPECT_TRUE(eventually([&] { return logs("tty").starts_with("/dev/"); })) << logs("tty");
    const pid_t pid = pid_of("web");
    const Map uids = map_of("web"), gids = map_of("web", "gid");
    EXPECT_EQ(owner(fmt::format("/proc/{}", pid)),
              fmt::format("{}:{}", uids.first + 1000, gids.first + 1001));
    EXPECT_EQ(output_of("web", "id -u; id -g; cat /proc/1/comm"), "1000\n1001\nstack-init\n");
    EXPECT_EQ(stack().run({"exec", "-T", "-u", "0", "web", "id", "-u"}).out, "0\n");
    Invocation invocation;
    invocation.args = {"exec", "tty", "sh", "-c", "tty; stat -c %u $(tty)"};
    invocation.terminal = true;
    EXPECT_THAT(stack().run(invocation).out, HasSubstr("/dev/pts/"));
}

TEST_F(UserNamespace, SurvivesTheSupervisorAndItsRestarts) {
    up(R"(
services:
  web: {image: payload, command: [stack-payload, http, '80', web], userns_mode: private, ports: ['8080:80'], stop_grace_period: 1s}
)");
    const std::string user = namespace_of("web", "user"), network = namespace_of("web", "net");
    const int before = stack().supervisor();
    ASSERT_NE(before, 0);
    ::kill(before, SIGKILL);
    EXPECT_TRUE(eventually([&] {
        const int now = stack().supervisor();
        return now != 0 && now != before;
    }));
    EXPECT_EQ(namespace_of("web", "user"), user);
    EXPECT_EXIT_CODE(stack().run({"restart", "web"}), 0);
    EXPECT_EQ(namespace_of("web", "user"), user);
    EXPECT_EQ(namespace_of("web", "net"), network);
    EXPECT_THAT(http_get_once_up("127.0.0.1", 8080).body, HasSubstr("web from"));
}

TEST_F(UserNamespace, ComesUpAgainAfterTheKeeperWasKilled) {
    up(kSleeper);
    const Map before = map_of("web");
    ASSERT_EQ(output_of("web", "echo kept > /file"), "");
    const int supervisor = stack().supervisor();
    ::kill(stack().keeper(), SIGKILL);
    if (supervisor != 0) ::kill(supervisor, SIGKILL);  // it may have noticed and ended by itself
    ASSERT_TRUE(eventually([&] { return stack().keeper() == 0 && stack().supervisor() == 0; }));
    up(kSleeper);
    EXPECT_EQ(map_of("web").first, before.first);
    EXPECT_EXIT_CODE(stack().run({"restart", "web"}), 0);
    EXPECT_EQ(map_of("web").first, before.first);
    EXPECT_EQ(output_of("web", "cat /file; stat -c %u /file"), "kept\n0\n");
}

TEST_F(UserNamespace, IsEnteredByNoOtherContainer) {
    up(kSleeper);
    stack().compose(std::string{kSleeper} + fmt::format(R"(
  side: {{image: payload, command: [stack-payload, sleep], pid: "container:{}", depends_on: [web]}}
)",
                                                        stack().container("web")));
    const Outcome outcome = stack().run({"up", "-d"});
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.text(), HasSubstr("whose pid is to be shared, has a user namespace of its own"));
    EXPECT_THAT(outcome.text(), HasSubstr("compose.yaml:5:"));
}

TEST_F(UserNamespace, IsRefusedWhereTheIdsOfAMountCantBeMapped) {
    stack().compose(R"(
services:
  web:
    image: payload
    command: [stack-payload, sleep]
    userns_mode: private
    volumes: ["/proc/sys/kernel:/settings"]
)");
    const Outcome outcome = stack().run({"up", "-d"});
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.text(), HasSubstr("its file system can't be mounted with mapped ids"));
    EXPECT_THAT(outcome.text(), HasSubstr("compose.yaml:7:"));
}

}  // namespace
}  // namespace stack::test
