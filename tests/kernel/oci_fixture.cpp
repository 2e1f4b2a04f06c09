#include "tests/kernel/oci_fixture.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/oci/config_writer.hpp"
#include "runtime/oci/default_config.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/payload_image.hpp"
#include "tests/support/private_namespaces.hpp"
#include "tests/support/processes.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

namespace stack::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

UniqueFd memory_file(const std::string& content = {}) {
    UniqueFd file{::memfd_create("stream", MFD_CLOEXEC)};
    if (!file.valid()) throw_errno("make a file in memory");
    write_all(file.get(), content, "memory");
    ::lseek(file.get(), 0, SEEK_SET);
    return file;
}

std::string text_of(const UniqueFd& file) {
    std::string text;
    char buffer[4096];
    for (ssize_t got;
         (got = ::pread(file.get(), buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0;)
        text.append(buffer, static_cast<std::size_t>(got));
    return text;
}

std::vector<std::string> environment(const std::map<std::string, std::string>& extra) {
    std::vector<std::string> result{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS"})
        if (const char* value = ::getenv(name)) result.push_back(fmt::format("{}={}", name, value));
    for (const auto& [key, value] : extra) result.push_back(fmt::format("{}={}", key, value));
    return result;
}

}  // namespace

std::vector<std::string> cgroups_of(const std::string& parent) {
    std::vector<std::string> found;
    const CgroupLayout layout = detect_cgroups();
    std::vector<std::string> mounts{layout.unified_mount};
    for (const auto& [controller, mount] : layout.v1_mounts) mounts.push_back(mount);
    for (const std::string& mount : mounts)
        if (!mount.empty())
            for (const std::string& name : list_directory(mount + parent))
                if (fs::is_directory(mount + parent + "/" + name))
                    found.push_back(mount + parent + "/" + name);
    return found;
}

std::string OciCommand::out() const {
    return text_of(out_);
}
std::string OciCommand::err() const {
    return text_of(err_);
}

OciResult OciCommand::wait() {
    pollfd entry{process_.pidfd(), POLLIN, 0};
    // To end what hangs: emulated machines are slow.
    if (::poll(&entry, 1, 60'000) == 0) {
        ADD_FAILURE() << "stack-runtime takes longer than 60 s";
        static_cast<void>(process_.signal(SIGKILL));
    }
    const int code = exit_code_of_status(wait_for_exit(process_));
    return {code, out(), err()};
}

UniqueFd unix_socket(const std::string& path, int type) {
    UniqueFd socket{::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw_errno("bind " + path);
    if (type != SOCK_DGRAM && ::listen(socket.get(), 5) != 0) throw_errno("listen on " + path);
    return socket;
}

std::string OciTest::image() {
    static const TempDir directory;
    static const std::string path = [] {
        make_payload_rootfs(directory.file("image"));
        return directory.file("image");
    }();
    return path;
}

std::string OciTest::program() {
    return program_path("stack-runtime");
}

void OciTest::SetUp() {
    STACK_REQUIRE_ROOT();
    image();
}

void OciTest::TearDown() {
    if (fs::exists(root()))
        for (const std::string& id : list_directory(root()))
            static_cast<void>(call({"delete", "--force", id}));
    EXPECT_TRUE(eventually([&] { return processes_of(dir_.path()).empty(); }));
    EXPECT_EQ(read_file("/proc/self/mountinfo").find(dir_.path()), std::string::npos);
    EXPECT_TRUE(cgroups_of(cgroup_parent()).empty());
    EXPECT_TRUE(list_directory(root()).empty());
    remove_cgroup(detect_cgroups(), cgroup_parent());
}

std::string OciTest::cgroup_parent() const {
    return "/" + dir_.path().substr(dir_.path().rfind('/') + 1);
}

std::string OciTest::bundle(const std::vector<std::string>& args, const std::string& patch) {
    oci::OciConfig config = oci::default_config();
    config.spec.root.path = image();
    config.spec.process.terminal = false;
    config.spec.process.args = args;
    config.spec.cgroups_path = fmt::format("{}/{}", cgroup_parent(), bundles_);
    json document = json::parse(oci::write_config(config));
    document.merge_patch(json::parse(patch));
    const std::string name = fmt::format("bundle{}", bundles_++);
    dir_.write(name + "/config.json", document.dump());
    return dir_.file(name);
}

OciCommand OciTest::begin(const OciCall& call) const {
    const UniqueFd in = memory_file(call.input);
    UniqueFd out = memory_file(), err = memory_file();
    SpawnOptions options;
    options.argv = {call.program.empty() ? program() : call.program, "--root", root()};
    options.argv.insert(options.argv.end(), call.args.begin(), call.args.end());
    options.env = environment(call.env);
    options.fds = call.terminal >= 0 ? std::vector{call.terminal, call.terminal, call.terminal}
                                     : std::vector{in.get(), out.get(), err.get()};
    options.fds.insert(options.fds.end(), call.fds.begin(), call.fds.end());
    options.working_dir = dir_.path();
    options.new_session = call.terminal >= 0;
    return {spawn(options), std::move(out), std::move(err)};
}

OciResult OciTest::call(const OciCall& call) const {
    return begin(call).wait();
}

std::string OciTest::must(const std::vector<std::string>& args) const {
    const OciResult result = call(args);
    EXPECT_EQ(result.code, 0) << join(args, " ") << ": " << result.err;
    return result.out;
}

std::string OciTest::refusal(const std::vector<std::string>& args, int code) const {
    const OciResult result = call(args);
    EXPECT_EQ(result.code, code) << join(args, " ") << ": " << result.err;
    const std::size_t message = result.err.find("level=error msg=");
    if (message == std::string::npos) return result.err;
    return json::parse(trim(std::string_view{result.err}.substr(message + 16)));
}

void OciTest::start_sleeping(const std::string& id, const std::string& patch) {
    must({"create", "--bundle", bundle({"stack-payload", "sleep"}, patch), id});
    must({"start", id});
}

json OciTest::state(const std::string& id) const {
    return json::parse(must({"state", id}));
}

std::string OciTest::status(const std::string& id) const {
    return state(id)["status"];
}

bool OciTest::becomes(const std::string& id, const std::string& wanted) const {
    return eventually([&] { return status(id) == wanted; });
}

bool OciTest::comes_to_catch(const std::string& id, int signal) const {
    const std::string status_file = fmt::format("/proc/{}/status", state(id)["pid"].get<int>());
    return eventually([&] { return catches(read_file(status_file), signal); });
}

bool OciTest::gone(const std::string& id) const {
    return call({"state", id}).code == 1 && !fs::exists(root() + "/" + id) &&
           eventually([&] { return cgroups_of(cgroup_parent()).empty(); });
}

}  // namespace stack::test
