#include "tests/kernel/runtime_fixture.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/payload_image.hpp"
#include "tests/support/processes.hpp"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace stack::test {

namespace fs = std::filesystem;

namespace {

ContainerRun failure(const Error& error) {
    ContainerRun result;
    result.exit_code = exec_failure_exit_code(error);
    result.error = error.what();
    result.hint = error.hint();
    result.position = error.position() ? error.position()->text() : "";
    return result;
}

// Lets it run to its end with both outputs in a pipe.
template <class Begin>
ContainerRun run_to_end(Begin begin, LaunchFds fds) {
    try {
        Pipe output = make_pipe();
        if (fds.out < 0) fds.out = output.write.get();
        if (fds.err < 0) fds.err = output.write.get();
        PendingProcess process = begin(fds);
        output.write.reset();
        process.wait_until_started();
        ContainerRun result;
        result.out = read_until_end(output.read.get());
        result.exit_code = exit_code_of_status(wait_for_exit(process.handle()));
        return result;
    } catch (const Error& error) {
        return failure(error);
    }
}

}  // namespace

std::string read_until_end(int fd) {
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) != 0;) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;  // EIO: the last process has closed its terminal
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}

std::map<std::string, std::string> words_of(const std::string& text) {
    std::map<std::string, std::string> words;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        const std::size_t space = line.rfind(' ');
        if (space != std::string::npos) words[line.substr(0, space)] = line.substr(space + 1);
    }
    return words;
}

const HostFacts& RuntimeTest::facts() {
    static const HostFacts facts = probe_host_facts();
    return facts;
}

std::string RuntimeTest::image() {
    static const TempDir directory;
    static const std::string path = [] {
        make_payload_rootfs(directory.file("image"));
        return directory.file("image");
    }();
    return path;
}

void RuntimeTest::SetUp() {
    STACK_REQUIRE_ROOT();
    image();
}

void RuntimeTest::TearDown() {
    for (const auto& process : running_) {
        process->handle().signal(SIGKILL);
        wait_for_exit(process->handle());
    }
    // Tests of the network run beside these, so the host's links and rules are not looked at.
    EXPECT_TRUE(eventually([&] { return processes_of(dir_.path()).empty(); }));
    EXPECT_EQ(read_file("/proc/self/mountinfo").find(dir_.path()), std::string::npos);
}

ContainerSpec RuntimeTest::spec(std::vector<std::string> args) {
    ContainerSpec spec;
    spec.id = fmt::format("test-{}", count_);
    spec.hostname = "box";
    spec.namespaces = default_namespaces();
    spec.mounts = default_mounts();
    spec.root.lower = {image()};
    spec.root.upper = dir_.file(fmt::format("{}/upper", count_));
    spec.root.work = dir_.file(fmt::format("{}/work", count_));
    ++count_;
    fs::create_directories(spec.root.upper);
    fs::create_directories(spec.root.work);
    spec.masked_paths = default_masked_paths();
    spec.readonly_paths = default_readonly_paths();
    spec.process.args = std::move(args);
    spec.process.env = {"PATH=/bin:/usr/bin"};
    spec.process.capabilities = capability_sets(default_capabilities());
    return spec;
}

ContainerSpec RuntimeTest::plain_spec(std::vector<std::string> args) {
    ContainerSpec result = spec(std::move(args));
    const fs::path root{plain_root()};
    if (!fs::exists(root)) {
        fs::create_directories(root / "bin");
        fs::create_hard_link(image() + "/bin/busybox", root / "bin/busybox");
        for (const char* name : {"sh", "cat", "ls", "echo", "sleep"})
            fs::create_symlink("busybox", root / "bin" / name);
        std::ofstream{root / "passwd"};
    }
    result.root = RootSpec{};
    result.root.path = root;
    return result;
}

ContainerRun RuntimeTest::run(const ContainerSpec& spec, LaunchFds fds, LaunchOptions options) {
    return run_to_end([&](const LaunchFds& used) { return begin_launch(spec, used, options, facts()); },
                      std::move(fds));
}

ContainerRun RuntimeTest::run(const ContainerSpec& spec, const HostFacts& other) {
    return run_to_end([&](const LaunchFds& used) { return begin_launch(spec, used, {}, other); }, {});
}

ContainerRun RuntimeTest::exec(const ProcessHandle& init, ProcessSpec process) {
    const ExecTarget target{&init, {}};
    return run_to_end([&](const LaunchFds& used) { return begin_exec(target, process, used, {}, facts()); },
                      {});
}

PendingProcess& RuntimeTest::start(const ContainerSpec& spec, LaunchFds fds) {
    auto process = std::make_unique<PendingProcess>(begin_launch(spec, fds, {}, facts()));
    process->wait_until_started();
    running_.push_back(std::move(process));
    return *running_.back();
}

}  // namespace stack::test
