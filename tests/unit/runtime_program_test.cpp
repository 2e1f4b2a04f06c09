// The prepared steps of whole containers, compared as text.
#include "runtime/base/error.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/init_program.hpp"
#include "tests/support/default_mounts.hpp"
#include "tests/support/golden.hpp"

#include <sched.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack {
namespace {

using test::matches_golden;
using testing::HasSubstr;
using testing::Not;

HostFacts modern_host() {
    HostFacts facts;
    facts.kernel_release = "6.12.0";
    facts.overlay_layer_append = true;
    facts.thermal_throttle_directories = {"/sys/devices/system/cpu/cpu0/thermal_throttle"};
    return facts;
}

ContainerSpec web() {
    ContainerSpec spec;
    spec.id = "shop-web-1";
    spec.hostname = "web";
    spec.root.lower = {"/var/lib/stack/layers/b/fs", "/var/lib/stack/layers/a/fs"};
    spec.root.upper = "/var/lib/stack/projects/shop/containers/1/upper";
    spec.root.work = "/var/lib/stack/projects/shop/containers/1/work";
    spec.namespaces = default_namespaces();
    spec.mounts = default_mounts();
    spec.masked_paths = default_masked_paths();
    spec.readonly_paths = default_readonly_paths();
    spec.process.args = {"server", "--port", "80"};
    spec.process.env = {"PATH=/usr/bin:relative:/bin", "LANG=C"};
    spec.process.capabilities = capability_sets(default_capabilities());
    return spec;
}

std::string text_of(const ContainerSpec& spec, const HostFacts& facts = modern_host(),
                    const LaunchShape& shape = {}) {
    return program_text(build_init_program(spec, facts, shape));
}

std::string refusal(const ContainerSpec& spec, const HostFacts& facts = modern_host()) {
    try {
        build_init_program(spec, facts, {});
        return "accepted";
    } catch (const Error& error) {
        return error.what();
    }
}

TEST(InitProgram, PlainContainer) {
    LaunchShape shape;
    shape.in = shape.out = shape.err = shape.network = true;
    EXPECT_TRUE(matches_golden("runtime/plain.txt", text_of(web(), modern_host(), shape)));
}

TEST(InitProgram, MountsUserLimitsAndTerminal) {
    ContainerSpec spec = web();
    spec.root.readonly = true;
    spec.mounts = test::with_default_mounts(
        {{"/srv/data", "bind", "/host/data", {"rbind", "ro", "copyup"}, "compose.yaml:14:9"},
         {"/tmp", "tmpfs", "tmpfs", {"size=64m", "mode=1777", "noexec"}, ""},
         {"/dev/shm", "tmpfs", "shm", {"size=1g"}, ""},
         {"/sys/fs/cgroup", "cgroup", "cgroup", {"ro"}, ""}});
    spec.devices = {{"/dev/fuse", 'c', 10, 229, 0600, 0, 0}};
    spec.sysctl = {{"net.ipv4.ip_unprivileged_port_start", "0"}};
    spec.process.user = "app:video";
    spec.process.group_add = {"audio"};
    spec.process.rlimits = {{"RLIMIT_NOFILE", 1024, 4096}};
    spec.process.oom_score_adj = 100;
    spec.process.terminal = true;
    spec.process.console_width = 132;
    spec.process.console_height = 50;
    spec.process.cwd = "/srv//app/";
    spec.process.no_new_privileges = true;
    spec.init = true;
    LaunchShape shape;
    shape.init = true;
    shape.task_files = 2;
    EXPECT_TRUE(matches_golden("runtime/rich.txt", text_of(spec, modern_host(), shape)));
}

TEST(InitProgram, OldHybridHostInUserNamespace) {
    HostFacts facts;
    facts.overlay_layer_append = false;
    facts.in_user_namespace = true;
    facts.cgroup_mode = CgroupMode::hybrid;
    facts.cgroup_hierarchies = {{"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"},
                                {"unified", "/sys/fs/cgroup/unified"}};
    ContainerSpec spec = web();
    spec.root.lower = {"/layers/with:colon", "/layers/plain"};
    spec.cgroups_path = "/stack/shop/1";
    EXPECT_TRUE(matches_golden("runtime/old_hybrid.txt", text_of(spec, facts)));
}

TEST(InitProgram, UserNamespaceHooksAndWhatElseTakesTheParent) {
    ContainerSpec spec = web();
    for (const NamespaceKind kind : {NamespaceKind::user, NamespaceKind::time})
        spec.namespaces.push_back({kind, ""});
    spec.uid_mappings = spec.gid_mappings = {{0, 100000, 65536}};
    spec.time_offsets = {{"monotonic", {3600, 0}}, {"boottime", {-7, 5}}};
    spec.domainname = "example.org";
    spec.net_devices = {{"ib0", "eth1"}};
    spec.sysctl = {{"net/ipv4/conf/eth1/forwarding", "1"}};
    spec.mounts.push_back({"/srv", "bind", "/host/srv", {"rbind", "idmap"}, ""});
    spec.hooks.create_runtime = {{"/usr/bin/before", {"before", "a"}, {}, 5}};
    spec.hooks.create_container = {{"/usr/bin/inside", {}, {"A=b"}, std::nullopt}};
    spec.hooks.start_container = {{"/usr/bin/last", {}, {}, std::nullopt}};
    spec.process.io_priority = IoPrioritySpec{"IOPRIO_CLASS_BE", 4};
    spec.process.scheduler = SchedulerSpec{"SCHED_BATCH", 3, 0, {}, 0, 0, 0};
    spec.process.final_cpu_affinity = "0-1";
    spec.personality = 0x0008;
    LaunchShape shape;
    shape.id_maps = 1;
    shape.start_socket = true;
    shape.preserve_fds = 2;
    shape.new_keyring = false;
    EXPECT_TRUE(matches_golden("runtime/user_namespace.txt", text_of(spec, modern_host(), shape)));
}

TEST(InitProgram, ExecJoinsAndMountsNothing) {
    ProcessSpec process = web().process;
    process.user = "1000";
    process.cwd = "/work";
    process.terminal = true;
    LaunchShape shape;
    shape.named = {"target"};
    const InitProgram program = build_exec_program(process, {}, 0x20000 | 0x40000000, modern_host(), shape);
    EXPECT_TRUE(matches_golden("runtime/exec.txt", program_text(program)));
}

TEST(InitProgram, ExecWithoutPrivilegesJoinsAllAtOnceAndIsBornInThePidNamespaceAfterwards) {
    HostFacts facts = modern_host();
    facts.privileged = false;
    ProcessSpec process = web().process;
    process.oom_score_adj = 100;
    LaunchShape shape;
    shape.named = {"target"};
    shape.task_files = 1;
    shape.new_keyring = false;
    constexpr int kJoined = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET;
    const InitProgram program = build_exec_program(process, {}, kJoined, facts, shape);
    EXPECT_TRUE(matches_golden("runtime/exec_unprivileged.txt", program_text(program)));
}

TEST(InitProgram, LayersThatOverlayfsWouldMisreadGoByDescriptor) {
    ContainerSpec spec = web();
    spec.root.lower = {std::string(300, 'x').insert(0, "/"), "/plain", "/back\\slash"};
    const std::string text = text_of(spec);
    EXPECT_THAT(text, HasSubstr("make overlay (lower %layer0:/plain:%layer1; "));
}

TEST(InitProgram, ManyLayersFitIntoOnePageOnOldKernels) {
    HostFacts facts = modern_host();
    facts.overlay_layer_append = false;
    ContainerSpec spec = web();
    spec.root.lower.assign(120, "/var/lib/stack/layers/" + std::string(64, 'a') + "/fs");
    EXPECT_THAT(text_of(spec, facts), HasSubstr("(lower %layer0:%layer1:"));
}

TEST(InitProgram, FilterComesBeforeCapabilitiesGoUnlessNoNewPrivileges) {
    ContainerSpec spec = web();
    std::string text = text_of(spec);
    EXPECT_LT(text.find("install filter"), text.find("bounding"));
    spec.process.no_new_privileges = true;
    text = text_of(spec);
    EXPECT_GT(text.find("install filter"), text.find("no new privileges"));
    spec.seccomp.kind = SeccompSpec::Kind::unconfined;
    EXPECT_THAT(text_of(spec), Not(HasSubstr("install filter")));
}

TEST(InitProgram, BindOverABuiltInTakesItsPlace) {
    ContainerSpec spec = web();
    spec.mounts = test::with_default_mounts(
        {{"/sys", "bind", "/sys", {"rbind", "ro"}, ""}, {"/dev/shm", "bind", "/srv/shm", {"bind"}, ""}});
    const std::string text = text_of(spec);
    EXPECT_THAT(text, Not(HasSubstr("make sysfs")));
    EXPECT_THAT(text, Not(HasSubstr("%shm")));
    EXPECT_THAT(text, HasSubstr("mount point %root/sys like %mount0, no links"));
}

TEST(InitProgram, MountsOnlyWhatIsAskedFor) {
    ContainerSpec spec = web();
    spec.mounts.clear();
    std::string text = text_of(spec);
    for (const char* type : {"make proc", "make sysfs", "make devpts", "make mqueue", "cgroup2"})
        EXPECT_THAT(text, Not(HasSubstr(type)));
    EXPECT_THAT(text, HasSubstr("mount point %root/dev directory, no links"));
    // A procfs that nobody sees, for who is to write there.
    spec.process.apparmor_profile = "mine";
    text = text_of(spec);
    EXPECT_THAT(text, HasSubstr("make proc"));
    EXPECT_THAT(text, Not(HasSubstr("mount point %root/proc")));
}

TEST(InitProgram, LabelsAreTakenBeforeTheGate) {
    ContainerSpec spec = web();
    spec.process.apparmor_profile = "mine";
    spec.process.selinux_label = "system_u:system_r:container_t:s0";
    spec.mount_label = "system_u:object_r:container_file_t:s0";
    const std::string text = text_of(spec);
    EXPECT_THAT(text, HasSubstr("at exec attr/apparmor/exec \"exec mine\""));
    EXPECT_THAT(text, HasSubstr("at exec attr/exec \"system_u:system_r:container_t:s0\""));
    EXPECT_LT(text.find("at exec"), text.find("gate"));
    for (const char* mount : {"make tmpfs (mode=755,size=65536k,context=", "make mqueue (context="})
        EXPECT_THAT(text, HasSubstr(mount));
}

TEST(InitProgram, RefusesWhatCannotBeWithItsPlace) {
    ContainerSpec spec = web();
    spec.mounts = test::with_default_mounts({{"/proc", "bind", "/srv", {"bind"}, "compose.yaml:3:5"}});
    EXPECT_THAT(refusal(spec), HasSubstr("nothing but a procfs can be mounted on /proc"));
    try {
        build_init_program(spec, modern_host(), {});
    } catch (const Error& error) {
        ASSERT_TRUE(error.position());
        EXPECT_EQ(error.position()->text(), "compose.yaml:3:5");
    }
    for (const auto& [destination, type, source] :
         {std::tuple{"/proc/sys", "tmpfs", ""}, std::tuple{"/", "bind", "/srv"},
          std::tuple{"relative", "bind", "/srv"}, std::tuple{"/a/../proc", "bind", "/srv"},
          std::tuple{"/x", "bind", "relative"}, std::tuple{"/x", "nfs", "host:/x"}}) {
        spec.mounts = test::with_default_mounts({{destination, type, source, {}, ""}});
        EXPECT_NE(refusal(spec), "accepted") << destination << " " << type;
    }
    spec = web();
    spec.process.args.clear();
    EXPECT_THAT(refusal(spec), HasSubstr("no command is given"));
    spec = web();
    spec.sysctl = {{"kernel.core_pattern", "|/bin/sh"}};
    EXPECT_THAT(refusal(spec), HasSubstr("would change the whole host"));
    spec = web();
    spec.process.rlimits = {{"RLIMIT_NOFILES", 1, 1}};
    EXPECT_THAT(refusal(spec), HasSubstr("no resource limit \"RLIMIT_NOFILES\""));
    spec = web();
    spec.namespaces = {{NamespaceKind::pid, ""}};
    EXPECT_THAT(refusal(spec), HasSubstr("mount namespace of its own"));
}

TEST(InitProgram, WarnsOfCapabilitiesThatTheKernelDoesNotHave) {
    HostFacts facts = modern_host();
    facts.last_capability = 38;
    ContainerSpec spec = web();
    EXPECT_TRUE(build_init_program(spec, facts, {}).warnings.empty());
    spec.process.capabilities.bounding.emplace_back("CAP_BPF");
    EXPECT_EQ(build_init_program(spec, facts, {}).warnings,
              std::vector<std::string>{"capability CAP_BPF is left out: this kernel does not know it"});
}

TEST(InitProgram, IsAFunctionOfItsArguments) {
    EXPECT_EQ(text_of(web()), text_of(web()));
}

}  // namespace
}  // namespace stack
