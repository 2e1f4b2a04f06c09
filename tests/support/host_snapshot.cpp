#include "tests/support/host_snapshot.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/slurp.hpp"

#include <net/if.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

namespace stack::test {

namespace {

namespace fs = std::filesystem;
using Lines = std::set<std::string>;

bool mentions(std::string_view text, std::string_view word) {
    return !word.empty() && text.find(word) != std::string_view::npos;
}

void add_links(Lines& lines) {
    struct if_nameindex* all = ::if_nameindex();
    if (all == nullptr) return;
    for (const struct if_nameindex* link = all; link->if_index != 0; ++link)
        lines.insert(std::string{"link "} + link->if_name);
    ::if_freenameindex(all);
}

void add_nft_tables(Lines& lines) {
    SpawnOptions nft;
    nft.argv = {"/usr/sbin/nft", "list", "tables"};
    nft.fds = {-1, -1, -1};
    try {
        std::istringstream out{run_command(nft, 10000).out};
        for (std::string line; std::getline(out, line);) lines.insert("nft " + line);
    } catch (const std::exception&) {  // no nft, no tables that we could have made
    }
}

void add_mounts(Lines& lines, const SnapshotScope& scope) {
    std::istringstream table{slurp("/proc/thread-self/mountinfo")};
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields{line};
        const std::vector<std::string> words{std::istream_iterator<std::string>{fields}, {}};
        const auto dash = std::find(words.begin(), words.end(), "-");
        if (words.size() < 5 || dash == words.end() || dash + 1 == words.end()) continue;
        if (!scope.directory.empty() && !mentions(line, scope.directory)) continue;
        lines.insert("mount " + words[4] + " (" + *(dash + 1) + ")");
    }
}

// What systemd makes and removes by itself, whenever it likes.
bool is_systemds_own(const std::string& group) {
    return group.ends_with(".service") || group.ends_with(".mount") || group.ends_with(".socket") ||
           group.ends_with(".swap") || group.starts_with("user@") || group.starts_with("user-") ||
           (group.starts_with("session-") && group.ends_with(".scope"));
}

// Those of a project by its name. Without one, every group of the machine that holds no process: others have theirs to run
// something in, and a process of ours that still runs has a line of its own.
void add_cgroups(Lines& lines, const SnapshotScope& scope) {
    std::error_code gone;
    fs::recursive_directory_iterator it{"/sys/fs/cgroup", fs::directory_options::skip_permission_denied,
                                        gone};
    for (; !gone && it != fs::recursive_directory_iterator{}; it.increment(gone)) {
        std::error_code ignored;
        if (it->is_symlink(ignored) || !it->is_directory(ignored)) continue;
        const std::string name = it->path().filename();
        if (is_systemds_own(name))
            it.disable_recursion_pending();
        else if (scope.project.empty() ? slurp(it->path() / "cgroup.procs").empty()
                                       : mentions(name, scope.project))
            lines.insert("cgroup " + it->path().string());
    }
}

// Owner, mode and number of what containers have as well: a runtime that follows a link of an image changes these first.
void add_devices(Lines& lines) {
    for (const char* name : {"console", "full", "fuse", "kmsg", "mem", "mqueue", "net/tun", "null", "ptmx",
                             "pts", "random", "shm", "tty", "urandom", "zero"}) {
        const std::string path = std::string{"/dev/"} + name;
        struct stat info {};
        if (::lstat(path.c_str(), &info) != 0) continue;
        lines.insert(fmt::format("device {} {:o} {}:{} {}:{}", path, info.st_mode, info.st_uid, info.st_gid,
                                 major(info.st_rdev), minor(info.st_rdev)));
    }
}

// By type and description, counted: serial numbers differ from boot to boot. /proc/keys, keyrings(7).
void add_keys(Lines& lines) {
    std::istringstream table{slurp("/proc/keys")};
    std::map<std::string, int> counts;
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields{line};
        const std::vector<std::string> words{std::istream_iterator<std::string>{fields}, {}};
        if (words.size() > 8) ++counts[words[5] + " " + words[7] + " " + words[8]];
    }
    for (const auto& [key, count] : counts) lines.insert(fmt::format("keys {} {}", key, count));
}

bool is_our_program(const std::string& name) {
    static const char* const names[] = {"stack",       "stack-keeper",  "stack-init",
                                        "stack-image", "stack-systemd", "stack-payload"};
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

void add_processes(Lines& lines, const SnapshotScope& scope) {
    for (const ProcessFacts& process : processes_of(scope.directory))
        if (!scope.directory.empty() || is_our_program(process.name))
            lines.insert("process " + std::to_string(process.pid) + " " + process.name);
}

}  // namespace

HostSnapshot HostSnapshot::take(const SnapshotScope& scope) {
    HostSnapshot snapshot;
    add_links(snapshot.lines);
    add_nft_tables(snapshot.lines);
    add_mounts(snapshot.lines, scope);
    add_cgroups(snapshot.lines, scope);
    add_processes(snapshot.lines, scope);
    add_devices(snapshot.lines);
    if (scope.directory.empty() && scope.project.empty()) add_keys(snapshot.lines);  // they name nobody
    return snapshot;
}

std::string HostSnapshot::text() const {
    std::string result;
    for (const std::string& line : lines) result += line + "\n";
    return result;
}

std::vector<std::string> HostSnapshot::added_in(const HostSnapshot& after) const {
    std::vector<std::string> added;
    std::set_difference(after.lines.begin(), after.lines.end(), lines.begin(), lines.end(),
                        std::back_inserter(added));
    return added;
}

LeakCheck::LeakCheck(SnapshotScope scope) : scope_{std::move(scope)}, before_{HostSnapshot::take(scope_)} {}

::testing::AssertionResult LeakCheck::clean() const {
    std::vector<std::string> left;
    const bool clean = eventually([&] {
        left = before_.added_in(HostSnapshot::take(scope_));
        return left.empty();
    });
    if (clean) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "left behind:\n  " << join(left, "\n  ");
}

}  // namespace stack::test
