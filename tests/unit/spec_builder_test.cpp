#include "manager/plan/spec_builder.hpp"

#include "manager/plan/container_files.hpp"
#include "manager/plan/default_profile.hpp"
#include "manager/plan/image_defaults.hpp"
#include "runtime/base/error.hpp"
#include "tests/unit/plan_fixture.hpp"

#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace stack;
using namespace stack::plan;
using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Strings = std::vector<std::string>;

namespace {

SpecInputs inputs() {
    SpecInputs result;
    result.service = plan::test::service("web");
    result.image.cmd = {"serve"};
    result.project = "shop";
    result.id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    result.container_name = "shop-web-1";
    result.layers = {"/layers/b", "/layers/a"};
    result.upper = "/c/upper";
    result.work = "/c/work";
    result.cgroups_path = "/stack/shop/web";
    result.network_namespace = "fd:netns";
    return result;
}

const MountSpec& mount_at(const ContainerSpec& spec, const std::string& destination) {
    const auto found = std::find_if(spec.mounts.begin(), spec.mounts.end(),
                                    [&](const MountSpec& mount) { return mount.destination == destination; });
    if (found == spec.mounts.end()) throw Error{ErrorKind::internal, "no mount at " + destination};
    return *found;
}

compose::VolumeMount tmpfs(const std::string& target) {
    compose::VolumeMount mount;
    mount.type = compose::VolumeMount::Type::tmpfs;
    mount.target = target;
    return mount;
}

template <typename F>
Error error_of(F f) {
    try {
        f();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error";
    return {ErrorKind::internal, ""};
}

TEST(SpecBuilder, CombinesEntrypointAndCommandAsDockerDoes) {
    ImageConfig image;
    image.entrypoint = {"/entry"};
    image.cmd = {"default"};
    compose::Service service = plan::test::service("web");
    EXPECT_THAT(effective_argv(service, image), ElementsAre("/entry", "default"));
    service.command = {"own", "words"};
    EXPECT_THAT(effective_argv(service, image), ElementsAre("/entry", "own", "words"));
    service.command = Strings{};
    EXPECT_THAT(effective_argv(service, image), ElementsAre("/entry"))
        << "an empty command clears the image's";
    service.command.reset();
    service.entrypoint = {"/mine"};
    EXPECT_THAT(effective_argv(service, image), ElementsAre("/mine"))
        << "an entrypoint drops the image's command";
    service.command = {"arg"};
    EXPECT_THAT(effective_argv(service, image), ElementsAre("/mine", "arg"));
    service.entrypoint = Strings{};
    EXPECT_THAT(effective_argv(service, image), ElementsAre("arg"));
}

TEST(SpecBuilder, SaysWhereNothingIsLeftToRun) {
    compose::Service service = plan::test::service("web");
    service.entrypoint = Strings{};
    service.positions["entrypoint"] = {"compose.yaml", 5, 7};
    const Error error = error_of([&] { effective_argv(service, {}); });
    EXPECT_EQ(error.message(), "service \"web\" has nothing to run");
    EXPECT_EQ(error.position()->text(), "compose.yaml:5:7");
}

TEST(SpecBuilder, LaysTheServicesEnvironmentOverTheImages) {
    ImageConfig image;
    image.env = {"PATH=/opt/bin", "LANG=C", "GONE=1", "EMPTY="};
    compose::Service service = plan::test::service("web");
    service.tty = true;
    service.environment = {{"LANG", "de"}, {"NEW", "a=b"}, {"GONE", std::nullopt}};
    EXPECT_THAT(effective_environment(service, image, "host1"),
                ElementsAre("PATH=/opt/bin", "HOSTNAME=host1", "TERM=xterm", "LANG=de", "EMPTY=", "NEW=a=b"));
    EXPECT_THAT(
        effective_environment(plan::test::service("web"), {}, "h"),
        ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=h"));
}

TEST(SpecBuilder, FillsTheHealthCheckUpFromTheImageFieldByField) {
    ImageConfig image;
    image.healthcheck =
        ImageHealthcheck{.test = {"CMD-SHELL", "curl -f localhost"}, .interval = 5s, .retries = 9};
    compose::Service service = plan::test::service("web");
    EXPECT_EQ(effective_healthcheck(service, image),
              (ProbeSettings{.argv = {"/bin/sh", "-c", "curl -f localhost"}, .interval = 5s, .retries = 9}));
    service.healthcheck = compose::Healthcheck{.timeout = 2s, .start_period = 1s, .retries = 4};
    EXPECT_EQ(effective_healthcheck(service, image),
              (ProbeSettings{.argv = {"/bin/sh", "-c", "curl -f localhost"},
                             .interval = 5s,
                             .timeout = 2s,
                             .start_period = 1s,
                             .retries = 4}));
    service.healthcheck->test = {"CMD", "check", "it"};
    EXPECT_THAT(effective_healthcheck(service, image)->argv, ElementsAre("check", "it"));
    service.healthcheck->interval = 0s;
    EXPECT_EQ(effective_healthcheck(service, {})->interval, 30s) << "zero is the default";
    service.healthcheck->test = {"NONE"};
    EXPECT_FALSE(effective_healthcheck(service, image));
    service.healthcheck = compose::Healthcheck{.disable = true};
    EXPECT_FALSE(effective_healthcheck(service, image));
    EXPECT_FALSE(effective_healthcheck(plan::test::service("web"), {}));
}

TEST(SpecBuilder, TakesTheStopSignalFromServiceImageOrDefault) {
    ImageConfig image;
    compose::Service service = plan::test::service("web");
    EXPECT_EQ(effective_stop_signal(service, image), SIGTERM);
    image.stop_signal = "SIGQUIT";
    EXPECT_EQ(effective_stop_signal(service, image), SIGQUIT);
    service.stop_signal = "int";
    EXPECT_EQ(effective_stop_signal(service, image), SIGINT);
    service.stop_signal = "SIGNOPE";
    EXPECT_THAT(error_of([&] { effective_stop_signal(service, image); }).message(), HasSubstr("SIGNOPE"));
    EXPECT_EQ(effective_stop_grace(service), 10s);
}

TEST(SpecBuilder, GivesTheDefaultsOfAnOrdinaryContainer) {
    const ContainerSpec spec = build_container_spec(inputs());
    EXPECT_EQ(spec.hostname, "0123456789ab");
    EXPECT_EQ(spec.process.cwd, "/");
    EXPECT_EQ(spec.process.user, "0");
    EXPECT_FALSE(spec.process.no_new_privileges);
    EXPECT_EQ(spec.process.capabilities.bounding.size(), 13U);
    EXPECT_THAT(spec.process.capabilities.bounding, Not(Contains("CAP_NET_RAW")));
    EXPECT_THAT(spec.process.capabilities.inheritable, IsEmpty());
    EXPECT_THAT(spec.process.capabilities.ambient, IsEmpty());
    EXPECT_EQ(spec.seccomp.kind, SeccompSpec::Kind::default_profile);
    EXPECT_THAT(spec.masked_paths, Contains("/proc/kcore"));
    EXPECT_THAT(spec.readonly_paths, Contains("/proc/sysrq-trigger"));
    EXPECT_THAT(spec.root.lower, ElementsAre("/layers/b", "/layers/a"));
    EXPECT_FALSE(spec.resources.memory_limit_bytes);
    EXPECT_FALSE(spec.resources.devices.front().allow);
    EXPECT_EQ(spec.namespaces.size(), 6U);
    EXPECT_THAT(spec.namespaces, Contains(NamespaceSpec{NamespaceKind::network, "fd:netns"}));
    std::string destinations;
    for (const MountSpec& mount : spec.mounts) destinations += mount.destination + " ";
    EXPECT_EQ(destinations, "/proc /dev /dev/pts /dev/shm /dev/mqueue /sys /sys/fs/cgroup ");
    EXPECT_THAT(mount_at(spec, "/sys/fs/cgroup").options, Contains("ro"));
    EXPECT_THAT(mount_at(spec, "/dev/shm").options, Contains("size=65536k"));
}

TEST(SpecBuilder, CarriesTheServicesWishesOver) {
    SpecInputs in = inputs();
    in.image.working_dir = "/srv";
    in.image.user = "app";
    in.service.hostname = "front";
    in.service.read_only = true;
    in.service.init = true;
    in.service.tty = true;
    in.service.sysctls = {{"net.core.somaxconn", "1024"}};
    in.service.mem_limit_bytes = std::int64_t{64} << 20;
    in.service.cpus = 0.5;
    in.service.pids_limit = 20;
    in.service.ulimits = {{"nofile", {1024, -1}}};
    ContainerSpec spec = build_container_spec(in);
    EXPECT_EQ(spec.hostname, "front");
    EXPECT_EQ(spec.process.cwd, "/srv");
    EXPECT_EQ(spec.process.user, "app");
    EXPECT_TRUE(spec.process.terminal);
    EXPECT_TRUE(spec.root.readonly);
    EXPECT_TRUE(spec.init);
    EXPECT_EQ(spec.sysctl, in.service.sysctls);
    EXPECT_EQ(spec.resources.memory_limit_bytes, std::int64_t{64} << 20);
    EXPECT_EQ(spec.resources.memory_swap_bytes, std::int64_t{128} << 20);
    EXPECT_EQ(spec.resources.cpu_quota_us, 50000);
    EXPECT_EQ(spec.resources.cpu_period_us, 100000U);
    EXPECT_EQ(spec.resources.pids_limit, 20);
    EXPECT_THAT(spec.process.rlimits, ElementsAre(RlimitSpec{"RLIMIT_NOFILE", 1024, UINT64_MAX}));
    in.service.user = "1000:1000";
    in.service.working_dir = "/own";
    spec = build_container_spec(in);
    EXPECT_EQ(spec.process.user, "1000:1000");
    EXPECT_EQ(spec.process.cwd, "/own");
}

TEST(SpecBuilder, CarriesLimitsAndSecurityOptionsOver) {
    SpecInputs in = inputs();
    compose::Service& service = in.service;
    service.domainname = "example.test";
    service.group_add = {"audio", "44"};
    service.oom_score_adj = 300;
    service.shm_size_bytes = 1 << 20;
    service.mem_limit_bytes = 64 << 20;
    service.memswap_limit_bytes = 64 << 20;
    service.cpu_shares = 512;
    service.cpu_quota_us = 50000;
    service.cpu_period_us = 200000;
    service.cpuset = "0";
    service.annotations = {{"note", "x"}};
    service.security.no_new_privileges = service.security.seccomp_unconfined = true;
    service.security.system_paths_unconfined = true;
    const ContainerSpec spec = build_container_spec(in);
    EXPECT_EQ(spec.domainname, "example.test");
    EXPECT_EQ(spec.process.group_add, service.group_add);
    EXPECT_EQ(spec.process.oom_score_adj, 300);
    EXPECT_TRUE(spec.process.no_new_privileges);
    EXPECT_EQ(spec.seccomp.kind, SeccompSpec::Kind::unconfined);
    EXPECT_TRUE(spec.masked_paths.empty() && spec.readonly_paths.empty());
    EXPECT_EQ(spec.resources.memory_swap_bytes, 64 << 20);
    EXPECT_EQ(spec.resources.cpu_shares, 512u);
    EXPECT_EQ(spec.resources.cpu_quota_us, 50000);
    EXPECT_EQ(spec.resources.cpu_period_us, 200000u);
    EXPECT_EQ(spec.resources.cpuset_cpus, "0");
    EXPECT_EQ(spec.annotations.at("note"), "x");
    const std::vector<std::string>& options = mount_at(spec, "/dev/shm").options;
    EXPECT_EQ(std::count(options.begin(), options.end(), "size=1048576"), 1);
    EXPECT_EQ(std::count(options.begin(), options.end(), "size=65536k"), 0);
}

TEST(SpecBuilder, ChangesCapabilitiesByAddAndDrop) {
    SpecInputs in = inputs();
    in.service.cap_drop = {"ALL"};
    in.service.cap_add = {"net_bind_service", "CAP_CHOWN"};
    EXPECT_THAT(build_container_spec(in).process.capabilities.bounding,
                testing::UnorderedElementsAre("CAP_CHOWN", "CAP_NET_BIND_SERVICE"));
    in.service.cap_add = {"NET_ADMN"};
    in.service.positions["cap_add"] = {"compose.yaml", 8, 9};
    const Error error = error_of([&] { build_container_spec(in); });
    EXPECT_EQ(error.position()->text(), "compose.yaml:8:9");
    EXPECT_THAT(error.hint(), HasSubstr("NET_ADMIN"));
}

TEST(SpecBuilder, NamesTheNearestLimitForAnUnknownOne) {
    SpecInputs in = inputs();
    in.service.ulimits = {{"nofiles", {1, 1}}};
    EXPECT_EQ(error_of([&] { build_container_spec(in); }).hint(), "did you mean \"nofile\"?");
}

TEST(SpecBuilder, PrivilegedTakesEveryRestrictionAway) {
    SpecInputs in = inputs();
    in.service.privileged = true;
    in.service.cap_drop = {"SYS_TIME"};
    in.available_capabilities = (std::uint64_t{1} << 41) - 1 - (std::uint64_t{1} << 24);
    const ContainerSpec spec = build_container_spec(in);
    EXPECT_EQ(spec.process.capabilities.effective.size(), 39u);  // all but SYS_RESOURCE and SYS_TIME
    EXPECT_EQ(spec.seccomp.kind, SeccompSpec::Kind::unconfined);
    EXPECT_TRUE(spec.masked_paths.empty() && spec.readonly_paths.empty());
    EXPECT_THAT(mount_at(spec, "/sys").options, Contains("rw"));
    EXPECT_EQ(spec.resources.devices.back(), (DeviceRule{true, 'a', {}, {}, "rwm"}));
}

TEST(SpecBuilder, MakesATimeNamespaceForWhoeverHasOffsets) {
    SpecInputs in = inputs();
    EXPECT_THAT(build_container_spec(in).namespaces, Not(Contains(NamespaceSpec{NamespaceKind::time, {}})));
    in.service.time_offsets = {.monotonic = -1500ms, .boottime = 720h};
    const ContainerSpec spec = build_container_spec(in);
    EXPECT_THAT(spec.namespaces, Contains(NamespaceSpec{NamespaceKind::time, {}}));
    EXPECT_EQ(spec.time_offsets.at("monotonic"), (TimeOffset{-2, 500'000'000}));
    EXPECT_EQ(spec.time_offsets.at("boottime"), (TimeOffset{2'592'000, 0}));
}

TEST(SpecBuilder, JoinsAUserNamespaceOfItsOwnAndMapsTheOwnersOfWhatIsBound) {
    SpecInputs in = inputs();
    in.mounts = {{"/data", "/srv/data", true, "", ""}};
    in.service.user_namespace_ids = 1000;
    EXPECT_THAT(error_of([&] { build_container_spec(in); }).message(), HasSubstr("no ids"));
    in.uid_mappings = {{0, 200000, 1000}};
    in.gid_mappings = {{0, 300000, 1000}};
    const ContainerSpec spec = build_container_spec(in);
    EXPECT_THAT(spec.namespaces, Contains(NamespaceSpec{NamespaceKind::user, "fd:user"}));
    EXPECT_EQ(spec.uid_mappings, in.uid_mappings);
    EXPECT_EQ(spec.gid_mappings, in.gid_mappings);
    for (const MountSpec& mount : spec.mounts)
        EXPECT_EQ(::testing::Matches(Contains("idmap"))(mount.options), mount.type == "bind")
            << mount.destination;
}

TEST(SpecBuilder, HandsDevicesAndTheirRulesOn) {
    SpecInputs in = inputs();
    in.devices = {{.path = "/dev/kvm", .major = 10, .minor = 232}};
    in.device_rules = {{true, 'c', 10, 232, "rw"}};
    in.service.device_cgroup_rules = {"b 7:* r"};
    const ContainerSpec spec = build_container_spec(in);
    EXPECT_EQ(spec.devices, in.devices);
    const std::vector<DeviceRule>& rules = spec.resources.devices;
    ASSERT_GE(rules.size(), 2u);
    EXPECT_EQ(rules[rules.size() - 2], in.device_rules.front());
    EXPECT_EQ(rules.back(), (DeviceRule{true, 'b', 7, {}, "r"}));
}

TEST(SpecBuilder, LeavesOutTheNamespacesThatAreTheHosts) {
    SpecInputs in = inputs();
    in.service.pid_mode = in.service.ipc_mode = in.service.uts_mode = in.service.cgroup_mode = "host";
    in.host_hostname = "machine";
    const ContainerSpec spec = build_container_spec(in);
    EXPECT_THAT(spec.namespaces, ElementsAre(NamespaceSpec{NamespaceKind::mount, ""},
                                             NamespaceSpec{NamespaceKind::network, "fd:netns"}));
    EXPECT_EQ(spec.hostname, "");  // setting it would rename the host
    EXPECT_THAT(spec.process.env, Contains("HOSTNAME=machine"));
    EXPECT_EQ(mount_at(spec, "/dev/shm").source, "/dev/shm");
}

TEST(SpecBuilder, MakesNoNetworkNamespaceInTheHostsNetwork) {
    SpecInputs in = inputs();
    in.service.network_mode = "host";
    in.host_hostname = "machine";
    const ContainerSpec spec = build_container_spec(in);
    EXPECT_EQ(spec.hostname, "machine");
    EXPECT_TRUE(std::none_of(spec.namespaces.begin(), spec.namespaces.end(),
                             [](const NamespaceSpec& ns) { return ns.kind == NamespaceKind::network; }));
    in.service.sysctls = {{"net.ipv4.ip_forward", "1"}};
    EXPECT_THAT(error_of([&] { build_container_spec(in); }).message(), HasSubstr("net.ipv4.ip_forward"));
}

TEST(SpecBuilder, ResolvesMountsAndKeepsTheirOrigin) {
    compose::Service service = plan::test::service("web");
    compose::VolumeMount bind, named, anonymous;
    bind.type = compose::VolumeMount::Type::bind;
    bind.source = "/srv/data";
    bind.target = "/data/";
    bind.read_only = true;
    bind.position = {"compose.yaml", 14, 9};
    named.source = "db";
    named.target = "/var/lib/db";
    anonymous.target = "/cache";
    service.volumes = {bind, named, anonymous, tmpfs("/run")};
    ImageConfig image;
    image.volumes = {"/cache", "/var/log", "/run/"};
    EXPECT_THAT(anonymous_volume_targets(service, image), ElementsAre("/cache", "/var/log"));
    const auto mounts =
        resolve_mounts(service, image, {{"db", "/volumes/db"}}, {{"/cache", "/v/1"}, {"/var/log", "/v/2"}});
    EXPECT_THAT(mounts, ElementsAre(ResolvedMount{"/data", "/srv/data", true, "", "compose.yaml:14:9"},
                                    ResolvedMount{"/var/lib/db", "/volumes/db", false, "", ""},
                                    ResolvedMount{"/cache", "/v/1", false, "", ""},
                                    ResolvedMount{"/var/log", "/v/2", false, "", ""}));
    EXPECT_THROW(resolve_mounts(service, image, {}, {{"/cache", "/v/1"}, {"/var/log", "/v/2"}}), Error);
}

TEST(SpecBuilder, OrdersMountsSoThatNoneHidesAnother) {
    SpecInputs in = inputs();
    in.hosts_file = "/c/hosts";
    in.mounts = {{"/a/b/c", "/h1", false, "", ""},
                 {"/a", "/h2", true, "", "compose.yaml:14:9"},
                 {"/etc/hosts", "/own/hosts", false, "", ""},
                 {"/dev/shm", "/h3", false, "rshared", ""}};
    in.service.volumes = {tmpfs("/a/b")};
    const ContainerSpec spec = build_container_spec(in);
    std::string destinations;
    for (const MountSpec& mount : spec.mounts) destinations += mount.destination + " ";
    EXPECT_EQ(destinations,
              "/proc /dev /dev/pts /dev/mqueue /sys /sys/fs/cgroup /a /etc/hosts /dev/shm /a/b /a/b/c ");
    EXPECT_EQ(mount_at(spec, "/etc/hosts").source, "/own/hosts") << "the user's file beats the generated one";
    EXPECT_THAT(mount_at(spec, "/a").options, ElementsAre("rbind", "rprivate", "rro"));
    EXPECT_EQ(mount_at(spec, "/a").origin, "compose.yaml:14:9");
    EXPECT_THAT(mount_at(spec, "/dev/shm").options, ElementsAre("rbind", "rshared", "rw"));
}

TEST(SpecBuilder, GivesTmpfsSafeOptionsUnlessTheFileSaysTheContrary) {
    SpecInputs in = inputs();
    compose::VolumeMount plain = tmpfs("/run"), own = tmpfs("/work");
    own.tmpfs_options = {"exec", "uid=5"};
    own.tmpfs_size_bytes = 4096;
    own.tmpfs_mode = 0700;
    own.read_only = true;
    in.service.volumes = {plain, own};
    const ContainerSpec spec = build_container_spec(in);
    EXPECT_THAT(mount_at(spec, "/run").options, ElementsAre("nosuid", "nodev", "noexec"));
    EXPECT_THAT(mount_at(spec, "/work").options,
                ElementsAre("nosuid", "nodev", "exec", "uid=5", "size=4096", "mode=700", "ro"));
}

TEST(ContainerFiles, NameTheContainerAndItsExtraHosts) {
    HostsInputs in;
    in.hostname = "web1";
    in.domainname = "lan";
    in.addresses = {"172.20.0.2"};
    in.extra_hosts = {{"db", "10.0.0.5"}, {"outside", "host-gateway"}};
    in.host_gateway = "172.20.0.1";
    const std::string text = hosts_file(in);
    EXPECT_THAT(text, testing::StartsWith("127.0.0.1\tlocalhost\n::1\tlocalhost"));
    EXPECT_THAT(text, testing::EndsWith("10.0.0.5\tdb\n172.20.0.1\toutside\n172.20.0.2\tweb1.lan web1\n"));
    EXPECT_EQ(hostname_file("web1"), "web1\n");
}

TEST(ContainerFiles, PointTheResolverAtTheProjectAndKeepTheHostsSearchList) {
    EXPECT_EQ(
        resolv_conf("nameserver 10.0.0.1\nsearch\ta.example b.example\noptions ndots:5 edns0\n# x\n", {}),
        "nameserver 127.0.0.11\nsearch a.example b.example\noptions edns0 ndots:0\n");
    EXPECT_EQ(resolv_conf("", {}), "nameserver 127.0.0.11\noptions ndots:0\n");
}

TEST(ContainerFiles, LetTheServiceChooseSearchDomainsAndOptions) {
    const char* host = "nameserver 10.0.0.1\nsearch a.example\noptions ndots:5 edns0\n";
    EXPECT_EQ(resolv_conf(host, {{"192.0.2.1"}, {"corp.example"}, {"ndots:2"}}),
              "nameserver 127.0.0.11\nsearch corp.example\noptions ndots:2\n");
    EXPECT_EQ(resolv_conf(host, {{}, {"."}, {}}), "nameserver 127.0.0.11\noptions edns0 ndots:0\n");
    EXPECT_EQ(host_resolv_conf(host, {}), host);
    EXPECT_EQ(host_resolv_conf(host, {{"192.0.2.1"}, {}, {}}),
              "nameserver 192.0.2.1\nsearch a.example\noptions ndots:5 edns0\n");
}

}  // namespace
