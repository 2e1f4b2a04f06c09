// The program stack-image as a whole: sources in, a consistent store out, whatever happens on the way.
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/sandbox.hpp"
#include "tests/kernel/image_tar.hpp"
#include "tests/kernel/image_worker.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/temp_root.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::image {
namespace {

using nlohmann::json;
using test::HostileTar;

class Import : public test::ImageWorkerTest {
  protected:
    Answer import(const std::vector<std::string>& words, const std::string& root = "root") const {
        std::vector<std::string> argv{test::kWorkerProgram, "import", "--root", directory_.file(root)};
        argv.insert(argv.end(), words.begin(), words.end());
        return call(std::move(argv));
    }

    // A layout as `docker save` of old writes it.
    std::string docker_save(const std::vector<std::string>& layers,
                            const std::string& tags = R"(["shop/web:1"])",
                            const std::string& settings = "{}") const {
        HostileTar archive;
        json config = {{"architecture", "amd64"},
                       {"os", "linux"},
                       {"config", json::parse(settings)},
                       {"rootfs", {{"type", "layers"}, {"diff_ids", json::array()}}}};
        json names = json::array();
        for (std::size_t i = 0; i < layers.size(); ++i) {
            config["rootfs"]["diff_ids"].push_back(sha256_digest(layers[i]));
            names.push_back(fmt::format("layer{}/layer.tar", i));
        }
        const json manifest =
            json::array({{{"Config", "config.json"}, {"RepoTags", json::parse(tags)}, {"Layers", names}}});
        archive.file("manifest.json", manifest.dump()).file("config.json", config.dump());
        for (std::size_t i = 0; i < layers.size(); ++i)
            archive.file(fmt::format("layer{}/layer.tar", i), layers[i]);
        return directory_.write("saved.tar", archive.finish());
    }
};

TEST_F(Import, TakesAFolderWithAllItsAttributes) {
    shell(
        "mkdir -p rootfs/bin rootfs/etc rootfs/usr/lib && ln -s usr/lib rootfs/lib && echo elf > "
        "rootfs/usr/lib/libc.so"
        " && echo su > rootfs/bin/su && chmod 4755 rootfs/bin/su && ln rootfs/bin/su rootfs/bin/su2"
        " && echo x > rootfs/etc/shadow && chown 5:7 rootfs/etc/shadow && chmod 640 rootfs/etc/shadow"
        " && chmod 1777 rootfs/etc && touch -d @1700000000 rootfs/etc/shadow && mknod rootfs/bin/null c 1 3");
    const Answer answer = import({"--cmd", "[\"/bin/su\",\"-\"]", "--env", "A=b", "--user", "5:7",
                                  "--workdir", "/etc", "--label", "l=m", "--expose", "80", "--stop-signal",
                                  "SIGINT", "app:1", directory_.file("rootfs")});
    ASSERT_EQ(answer.last["event"], "result") << answer.last;
    const Image image = store().get("app:1");
    EXPECT_EQ(image.digest, answer.digest());
    EXPECT_EQ(image.config.cmd, (std::vector<std::string>{"/bin/su", "-"}));
    EXPECT_EQ(image.config.env.back(), "A=b");
    EXPECT_TRUE(image.config.env.front().starts_with("PATH="));
    EXPECT_EQ(image.config.user, "5:7");
    EXPECT_EQ(image.config.working_dir, "/etc");
    EXPECT_EQ(image.config.labels.at("l"), "m");
    EXPECT_EQ(image.config.exposed_ports, std::vector<std::string>{"80/tcp"});
    EXPECT_EQ(image.config.stop_signal, "SIGINT");
    const std::string layer = image.layer_paths.at(0);
    EXPECT_EQ(shell("stat -c '%a %u:%g %h %Y' " + layer + "/etc/shadow"), "640 5:7 1 1700000000\n");
    EXPECT_EQ(shell("stat -c '%a %h' " + layer + "/bin/su"), "4755 2\n");
    EXPECT_EQ(shell("stat -c '%a' " + layer + "/etc; readlink " + layer + "/lib"), "1777\nusr/lib\n");
    EXPECT_FALSE(path_exists(layer + "/bin/null"));
    ASSERT_EQ(answer.warnings.size(), 1u);
    EXPECT_NE(answer.warnings[0].find("bin/null"), std::string::npos);
    expect_sound_store();
}

TEST_F(Import, KeepsSetIdFilesOutOfReach) {
    shell("mkdir -p rootfs && echo x > rootfs/su && chmod 4755 rootfs/su && mkdir -m 755 root");
    import({"app", directory_.file("rootfs")});
    EXPECT_EQ(shell("stat -c %a root/images root/layers root/staging"), "700\n700\n700\n");
}

TEST_F(Import, OfTheSameFolderChangesNothing) {
    shell("mkdir -p rootfs/etc && echo x > rootfs/etc/f");
    const Answer first = import({"app", directory_.file("rootfs")});
    const Answer again = import({"app", directory_.file("rootfs")});
    EXPECT_TRUE(first.last.value("changed", false));
    EXPECT_FALSE(again.last.value("changed", true));
    EXPECT_EQ(again.digest(), first.digest());
    shell("echo y > rootfs/etc/f");
    EXPECT_NE(import({"app", directory_.file("rootfs")}).digest(), first.digest());
    expect_sound_store();
}

TEST_F(Import, ReadsArchivesOfEveryKindToTheSameLayer) {
    shell(
        "mkdir -p rootfs/etc && echo x > rootfs/etc/f && tar -C rootfs --sort=name -cf r.tar . && gzip -k "
        "r.tar"
        " && zstd -q r.tar");
    for (const char* name : {"r.tar", "r.tar.gz", "r.tar.zst"}) {
        const Answer answer = import({"--", name, directory_.file(name)});
        EXPECT_EQ(answer.last["event"], "result") << answer.last;
    }
    const std::string expected = store().get("r.tar").config.diff_ids.at(0);
    EXPECT_EQ(store().get("r.tar.gz").config.diff_ids.at(0), expected);
    EXPECT_EQ(store().get("r.tar.zst").config.diff_ids.at(0), expected);
    EXPECT_EQ(list_directory(store().paths().layers).size(), 2u) << "one layer and its record";
}

TEST_F(Import, ReadsAPipe) {
    shell("mkdir -p rootfs/etc && echo x > rootfs/etc/f && tar -C rootfs -cf - . | gzip | " +
          test::program_path("stack-image") + " import --root root piped -");
    EXPECT_EQ(read_file(store().get("piped").layer_paths.at(0) + "/etc/f"), "x\n");
}

TEST_F(Import, OfItsOwnLayoutKeepsEveryDigest) {
    shell("mkdir -p rootfs/etc && echo x > rootfs/etc/f");
    const std::string digest = import({"app", directory_.file("rootfs")}).digest();
    shell("tar -C root/images -cf layout.tar . && gzip -k layout.tar");
    for (const std::string source : {"root/images", "layout.tar", "layout.tar.gz"})
        EXPECT_EQ(import({"app", directory_.file(source)}, "second").digest(), digest) << source;
    EXPECT_EQ(read_file(store("second").get("app").layer_paths.at(0) + "/etc/f"), "x\n");
    expect_sound_store("second");
}

TEST_F(Import, LayersStackAsTheImageMeans) {
    const std::string base = HostileTar{}
                                 .folder("./", 0750)
                                 .owner(4, 4)
                                 .folder("etc", 0711)
                                 .file("etc/kept", "base")
                                 .file("etc/gone", "base")
                                 .file("etc/changed", "base")
                                 .file("cache/old", "base")
                                 .folder("usr/lib")
                                 .symlink("lib", "usr/lib")
                                 .finish();
    const std::string top = HostileTar{}
                                .file("etc/.wh.gone")
                                .file("etc/changed", "top")
                                .file("cache/.wh..wh..opq")
                                .file("cache/new", "top")
                                .finish();
    const Answer answer = import({"shop", docker_save({base, top})});
    ASSERT_EQ(answer.last["event"], "result") << answer.last;
    const Image image = store().get("shop");
    ASSERT_EQ(image.layer_paths.size(), 2u);
    const std::string merged = shell(fmt::format(
        "mkdir merged; unshare -m sh -ec 'mount -t overlay overlay -o ro,lowerdir={} merged; cd merged; find "
        ". -type f |"
        " sort | while read f; do echo $f $(cat $f); done; stat -c \"%n %a %u\" . etc; readlink lib'",
        join(image.layer_paths, ":")));
    EXPECT_EQ(merged, "./cache/new top\n./etc/changed top\n./etc/kept base\n. 750 0\netc 711 4\nusr/lib\n");
    expect_sound_store();
}

TEST_F(Import, TakesLayersThatAreTheSameTwice) {
    const std::string empty = HostileTar{}.finish();
    EXPECT_EQ(import({"app", docker_save({empty, HostileTar{}.file("f", "1").finish(), empty, empty})})
                  .last["event"],
              "result");
    EXPECT_EQ(store().get("app").layer_paths.size(), 4u);
    expect_sound_store();
}

TEST_F(Import, ALayerMayHideEverythingBelowIt) {
    const std::string base = HostileTar{}.file("old", "base").file("d/old", "base").finish();
    const std::string top =
        HostileTar{}.file("d/new", "top").file(".wh..wh..opq").file("new", "top").finish();
    import({"app", docker_save({base, top})});
    EXPECT_EQ(shell(fmt::format(
                  "mkdir merged; unshare -m sh -ec 'mount -t overlay overlay -o ro,lowerdir={} merged;"
                  " cd merged; find . -type f | sort'",
                  join(store().get("app").layer_paths, ":"))),
              "./d/new\n./new\n");
}

TEST_F(Import, SharesLayersBetweenImages) {
    const std::string base = HostileTar{}.file("base", "1").finish();
    import({"one", docker_save({base, HostileTar{}.file("a", "1").finish()})});
    import({"two", docker_save({base, HostileTar{}.file("b", "2").finish()})});
    EXPECT_EQ(store().get("one").layer_paths.back(), store().get("two").layer_paths.back());
    EXPECT_EQ(list_directory(store().paths().layers).size(), 6u);
    store().remove("one", {});
    EXPECT_EQ(list_directory(store().paths().layers).size(), 4u);
    expect_sound_store();
}

TEST_F(Import, KeepsTheConfigurationOfAnImage) {
    const std::string layer = HostileTar{}.file("f", "1").finish();
    const std::string source = docker_save({layer}, "null", R"({"Entrypoint":["/entry"],"User":"web"})");
    import({"app", source});
    EXPECT_EQ(store().get("app").config.entrypoint, std::vector<std::string>{"/entry"});
    EXPECT_EQ(store().get("app").config.user, "web");
    const Answer answer = import({"--user", "root", "app", source});
    EXPECT_EQ(answer.last["event"], "error");
    EXPECT_NE(answer.error.find("own configuration"), std::string::npos);
}

TEST_F(Import, RefusesALayerThatIsNotWhatTheConfigurationSays) {
    shell("mkdir -p rootfs && echo x > rootfs/f");
    import({"app", directory_.file("rootfs")});
    const Manifest manifest = std::get<Manifest>(
        parse_manifest_or_index(read_file(store().paths().blob(store().get("app").digest))));
    const std::string blob = store().paths().blob(manifest.layers.at(0).digest);
    std::string bytes = read_file(blob);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    directory_.write("root/images/blobs/sha256/" + digest_hex(manifest.layers.at(0).digest), bytes);
    const Answer answer = import({"app", directory_.file("root/images")}, "second");
    EXPECT_EQ(answer.last["event"], "error");
    EXPECT_TRUE(store("second").list().empty());
    EXPECT_TRUE(list_directory(store("second").paths().layers).empty());
    expect_sound_store("second");
}

TEST_F(Import, RefusesHostileLayersAndLeavesTheStoreAsItWas) {
    shell("mkdir -p rootfs && echo x > rootfs/f");
    import({"app", directory_.file("rootfs")});
    directory_.write("canary", "alive");
    const std::vector<std::string> layers{
        HostileTar{}.file("ok", "1").file("../../../canary", "dead").finish(),
        HostileTar{}.symlink("l", "../../../").hard_link("x", "l/canary").finish(),
        HostileTar{}.lying_file("big", std::uint64_t{1} << 60, "x").finish(),
    };
    for (const std::string& layer : layers) {
        const Answer root = import({"bad", directory_.write("bad.tar", layer)});
        EXPECT_EQ(root.last["event"], "error");
        EXPECT_EQ(root.exit_code, 1);
        const Answer image = import({"bad", docker_save({layer})});
        EXPECT_EQ(image.last["event"], "error");
    }
    EXPECT_EQ(read_file(directory_.file("canary")), "alive");
    EXPECT_EQ(store().list().size(), 1u);
    EXPECT_EQ(list_directory(store().paths().layers).size(), 2u);
    expect_sound_store();
}

TEST_F(Import, ListsTheImagesOfASourceThatHoldsSeveral) {
    const std::string layer = HostileTar{}.file("f", "1").finish();
    const json config = {{"os", "linux"}, {"rootfs", {{"diff_ids", {sha256_digest(layer)}}}}};
    const json manifest = {{{"Config", "c.json"}, {"RepoTags", {"shop/web:1"}}, {"Layers", {"l.tar"}}},
                           {{"Config", "c.json"}, {"RepoTags", {"shop/db:1"}}, {"Layers", {"l.tar"}}}};
    const std::string source = directory_.write("saved.tar", HostileTar{}
                                                                 .file("manifest.json", manifest.dump())
                                                                 .file("c.json", config.dump())
                                                                 .file("l.tar", layer)
                                                                 .finish());
    const Answer unclear = import({"app", source});
    EXPECT_NE(unclear.error.find("shop/db:1"), std::string::npos) << unclear.error;
    EXPECT_EQ(import({"--select", "shop/db:1", "app", source}).last["event"], "result");
    EXPECT_EQ(import({"shop/web:1", source}).last["event"], "result") << "its own name selects it";
}

TEST_F(Import, SaysWhatIsWrongWithASource) {
    directory_.write("text",
                     "this is no archive, but it is long enough to be looked at: " + std::string(2000, '.'));
    EXPECT_NE(import({"app", directory_.file("text")}).error.find("neither a folder nor a tar"),
              std::string::npos);
    EXPECT_NE(import({"app", directory_.file("nothing")}).error.find("ENOENT"), std::string::npos);
    EXPECT_NE(import({"App", directory_.file("text")}).error.find("lower-case"), std::string::npos);
    EXPECT_NE(import({"app"}).error.find("usage"), std::string::npos);
    EXPECT_NE(import({"--nope", "x", "app", "y"}).error.find("--nope"), std::string::npos);
}

TEST_F(Import, AKilledImportLeavesNothingThatTheNextOneDoesNotClean) {
    HostileTar tar;
    for (int i = 0; i < 300; ++i)
        tar.file(fmt::format("d{}/f{}", i % 20, i), std::string(50'000, static_cast<char>('a' + i % 26)));
    const std::string source = directory_.write("r.tar", tar.finish());
    shell("mkdir -p rootfs && echo x > rootfs/f");
    const std::string digest = import({"kept", directory_.file("rootfs")}).digest();
    for (int i = 0; i < 12; ++i) {
        SpawnOptions options;
        options.argv = {test::program_path("stack-image"), "import", "--root",
                        directory_.file("root"),           "app",    source};
        options.fds = {-1, -1, -1};
        const ProcessHandle worker = spawn(options);
        std::this_thread::sleep_for(std::chrono::milliseconds{4 * i});  // where it dies is the test
        worker.signal(SIGKILL);
        wait_for_exit(worker);
        EXPECT_EQ(store().get("kept").digest, digest);
    }
    ASSERT_EQ(import({"app", source}).last["event"], "result");
    expect_sound_store();
    EXPECT_EQ(list_directory(store().paths().layers).size(), 4u);
    EXPECT_EQ(list_directory(store().get("app").layer_paths.at(0)).size(), 20u);
}

TEST_F(Import, ATermSignalStopsItCleanly) {
    shell("mkfifo pipe");
    SpawnOptions options;
    options.argv = {test::program_path("stack-image"), "import", "--root",
                    directory_.file("root"),           "app",    directory_.file("pipe")};
    Pipe out = make_pipe();
    options.fds = {-1, out.write.get(), -1};
    const ProcessHandle worker = spawn(options);
    out.write.reset();
    // Opened once the worker reads it; then the worker waits for data that never comes.
    const UniqueFd writer{::open(directory_.file("pipe").c_str(), O_WRONLY | O_CLOEXEC)};
    write_all(writer.get(), std::string(300'000, 'x'), "pipe");
    worker.signal(SIGTERM);
    EXPECT_NE(read_all(out.read.get(), "answer").find("\"cancelled\""), std::string::npos);
    EXPECT_EQ(exit_code_of_status(wait_for_exit(worker)), 130);
    EXPECT_TRUE(list_directory(store().paths().staging).empty());
}

// --- the sandbox itself ---

std::vector<SandboxFolder> folders_in(const test::TempDir& directory) {
    return {{directory.file("staging"), kInnerStaging, true},
            {directory.file("layers"), kInnerLayers, false}};
}

// Runs `body` in the sandbox, from a child: making a pid namespace spoils a process for other tests.
int status_inside(const test::TempDir& directory, const std::function<int()>& body) {
    make_directories(directory.file("staging"));
    make_directories(directory.file("layers"));
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            const SandboxPlan plan{folders_in(directory), {}};
            ::_exit(exit_code_of_status(wait_for_exit(start_sandboxed(plan, body))));
        } catch (const std::exception& error) {
            fmt::print(stderr, "{}\n", error.what());
            ::_exit(99);
        }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return exit_code_of_status(status);
}

class Sandbox : public Import {};

TEST_F(Sandbox, SeesItsFoldersAndNothingElse) {
    EXPECT_EQ(status_inside(directory_,
                            [] {
                                const std::vector<std::string> names = list_directory("/");
                                if (names != std::vector<std::string>{"layers", "staging"}) return 1;
                                if (::openat(AT_FDCWD, "/../etc/passwd", O_RDONLY) >= 0) return 2;
                                if (::openat(AT_FDCWD, "/new", O_CREAT | O_WRONLY, 0600) >= 0) return 3;
                                if (::openat(AT_FDCWD, "/layers/new", O_CREAT | O_WRONLY, 0600) >= 0)
                                    return 4;
                                if (::openat(AT_FDCWD, "/staging/new", O_CREAT | O_WRONLY, 0600) < 0)
                                    return 5;
                                return ::getpid() == 1 ? 0 : 6;
                            }),
              0);
}

TEST_F(Sandbox, HasNoNetworkNoDevicesNoOtherPrograms) {
    EXPECT_EQ(status_inside(directory_,
                            [] {
                                if (::socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) return 1;
                                if (::mknodat(AT_FDCWD, "/staging/null", S_IFCHR | 0666, makedev(1, 3)) == 0)
                                    return 2;
                                if (::mknodat(AT_FDCWD, "/staging/whiteout", S_IFCHR, 0) != 0) return 3;
                                char* const argv[] = {nullptr};
                                if (::execv("/staging/x", argv) == 0 || errno != EPERM) return 4;
                                if (::chroot("/staging") == 0) return 5;
                                if (::setuid(1000) == 0) return 6;
                                if (::kill(1, 0) == 0) return 7;
                                return 0;
                            }),
              0);
}

TEST_F(Sandbox, HoldsNoDescriptorOfItsParent) {
    const UniqueFd secret{::open("/etc/passwd", O_RDONLY)};
    EXPECT_EQ(status_inside(directory_,
                            [] {
                                for (int fd = 3; fd < 256; ++fd)
                                    if (::fcntl(fd, F_GETFD) >= 0) return fd;
                                return 0;
                            }),
              0);
}

TEST_F(Sandbox, DiesWithItsParent) {
    make_directories(directory_.file("staging"));
    make_directories(directory_.file("layers"));
    Pipe alive = make_pipe();
    const pid_t parent = ::fork();
    if (parent == 0) {
        const SandboxPlan plan{folders_in(directory_), {alive.write.get()}};
        const int ready = alive.write.get();
        const ProcessHandle inner = start_sandboxed(plan, [ready] {
            write_all(ready, "!", "ready");
            for (;;) ::nanosleep(std::array<timespec, 1>{timespec{1, 0}}.data(), nullptr);
            return 0;
        });
        alive.write.reset();
        wait_for_exit(inner);
        ::_exit(0);
    }
    alive.write.reset();
    char ready = 0;
    ASSERT_EQ(::read(alive.read.get(), &ready, 1), 1);
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    EXPECT_EQ(read_all(alive.read.get(), "nothing"), "")
        << "end of file: the last holder of the pipe has gone";
}

}  // namespace
}  // namespace stack::image
