// launch COUNT ROOTFS WORK-DIRECTORY: one container after the other through the library, as a supervisor does it: an overlay
// root, the default namespaces, capabilities, filter and masks, a control group of its own, exec of /bin/true, its end.
// Prints `container MICROSECONDS`, the median, and what the steps took in the median round.
#include "runtime/cgroup.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/launcher.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace stack {
namespace {

using Clock = std::chrono::steady_clock;

struct Round {
    Clock::duration whole, group, begin, start, end, removal;
    std::vector<PendingProcess::StepTime> steps;
};

ContainerSpec container(const std::string& rootfs, const std::string& work, int number) {
    const std::string base = fmt::format("{}/{}", work, number);
    for (const std::string& folder : {base, base + "/upper", base + "/work"})
        if (::mkdir(folder.c_str(), 0755) != 0) throw_errno("make " + folder);
    ContainerSpec spec;
    spec.id = fmt::format("bench-{}-{}", ::getpid(), number);
    spec.hostname = "bench";
    spec.root.lower = {rootfs};
    spec.root.upper = base + "/upper";
    spec.root.work = base + "/work";
    spec.process.args = {"/bin/true"};
    spec.process.env = {"PATH=/bin"};
    spec.process.capabilities = capability_sets(default_capabilities());
    spec.namespaces = default_namespaces();
    spec.mounts = default_mounts();
    spec.masked_paths = default_masked_paths();
    spec.readonly_paths = default_readonly_paths();
    spec.cgroups_path = "/stack-bench/" + spec.id;
    return spec;
}

Round run_one(const ContainerSpec& spec, const HostFacts& facts, const CgroupLayout& layout,
              DevicePrograms& programs, bool with_steps) {
    Round round;
    const auto start = Clock::now();
    auto last = start;
    const auto mark = [&](Clock::duration& into) {
        const auto now = Clock::now();
        into = now - last;
        last = now;
    };
    const Cgroup group = Cgroup::create(layout, spec.cgroups_path, spec.resources, &programs);
    mark(round.group);
    LaunchOptions options;
    options.cgroup = {group.clone_into_fd(), group.task_fds()};
    options.record_times = with_steps;
    PendingProcess process = begin_launch(spec, {}, options, facts);
    mark(round.begin);
    process.wait_until_started();
    mark(round.start);
    int status = 0;
    if (::waitpid(process.pid(), &status, 0) != process.pid() || status != 0)
        throw Error{ErrorKind::failed, "the container did not end with 0"};
    mark(round.end);
    remove_cgroup(layout, spec.cgroups_path);
    mark(round.removal);
    round.whole = last - start;
    if (with_steps) round.steps = process.step_times();
    return round;
}

double microseconds(Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

int bench(int count, const std::string& rootfs, const std::string& work) {
    const HostFacts facts = probe_host_facts();
    const CgroupLayout layout = detect_cgroups();
    DevicePrograms programs;
    std::vector<Round> rounds;
    for (int i = 0; i < count; ++i)
        rounds.push_back(run_one(container(rootfs, work, i), facts, layout, programs, false));
    Round detailed = run_one(container(rootfs, work, count), facts, layout, programs, true);
    prune_empty_parents(layout, container(rootfs, work, count + 1).cgroups_path);
    std::sort(rounds.begin(), rounds.end(), [](const Round& a, const Round& b) { return a.whole < b.whole; });
    const Round& median = rounds[rounds.size() / 2];
    fmt::print("container {:.0f}\n", microseconds(median.whole));
    const std::pair<const char*, Clock::duration> parts[] = {{"control group", median.group},
                                                             {"prepare and clone", median.begin},
                                                             {"set-up and exec", median.start},
                                                             {"until it ends", median.end},
                                                             {"remove the group", median.removal}};
    for (const auto& [name, took] : parts) fmt::print("part {:.0f} {}\n", microseconds(took), name);
    std::stable_sort(detailed.steps.begin(), detailed.steps.end(),
                     [](const auto& a, const auto& b) { return a.took > b.took; });
    for (std::size_t i = 0; i < std::min<std::size_t>(detailed.steps.size(), 12); ++i)
        fmt::print("step {:.0f} {}\n", microseconds(detailed.steps[i].took), detailed.steps[i].step);
    return 0;
}

}  // namespace
}  // namespace stack

int main(int argc, char** argv) {
    const int count = argc == 4 ? std::atoi(argv[1]) : 0;
    if (count <= 0) {
        std::fputs("usage: launch COUNT ROOTFS WORK-DIRECTORY\n", stderr);
        return 2;
    }
    try {
        return stack::bench(count, argv[2], argv[3]);
    } catch (const std::exception& error) {
        fmt::print(stderr, "launch: {}\n", error.what());
        return 1;
    }
}
