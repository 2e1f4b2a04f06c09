// Every rule of the specification's chapter on merging, on trees: two documents, laid over each other, and what remains.
// What later phases make of it is compose_merge_test.
#include "manager/compose/document.hpp"
#include "manager/compose/merge.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

std::string flow(const Node& node) {
    if (node.is_null()) return "~";
    if (node.is_scalar()) return std::string{node.text};
    std::string out;
    for (const Entry& entry : node.items()) {
        if (!out.empty()) out += ", ";
        if (entry.key) out += fmt::format("{}: ", entry.key->text);
        out += flow(*entry.value);
    }
    return node.is_mapping() ? "{" + out + "}" : "[" + out + "]";
}

/// The documents of a text, one over the other.
class Merged {
  public:
    explicit Merged(std::string text) {
        const auto file = tree_.add_file("/p/f", std::make_shared<const std::string>(std::move(text)), "/p");
        DocumentBudget budget;
        Node* root = nullptr;
        for (Node* document : parse_documents(tree_, file, budget, reporter_))
            root = root ? merge(tree_, *root, *document, key_tree(), reporter_) : document;
        if (root) {
            strip_merge_tags(*root);
            result = flow(*root);
        }
        for (const Diagnostic& d : reporter_.take({}))
            errors += fmt::format("{}:{}: {}\n", d.position.line, d.position.column, d.message);
    }

    std::string result, errors;

  private:
    Tree tree_;
    Reporter reporter_;
};

struct MergeCase {
    std::string name, base, over, expected;  // of the service `s`
};

class ComposeMergeRule : public ::testing::TestWithParam<MergeCase> {};

TEST_P(ComposeMergeRule, LeavesWhatTheSpecificationSays) {
    const auto& [name, base, over, expected] = GetParam();
    const Merged merged{fmt::format("services: {{s: {}}}\n---\nservices: {{s: {}}}\n", base, over)};
    EXPECT_EQ(merged.errors, "");
    EXPECT_EQ(merged.result, fmt::format("{{services: {{s: {}}}}}", expected));
}

INSTANTIATE_TEST_SUITE_P(
    Section15, ComposeMergeRule,
    ::testing::Values(
        MergeCase{"MapsKeyByKey", "{deploy: {replicas: 1, resources: {limits: {cpus: '1'}}}}",
                  "{deploy: {resources: {limits: {memory: 1g}}}}",
                  "{deploy: {replicas: 1, resources: {limits: {cpus: 1, memory: 1g}}}}"},
        MergeCase{"ScalarsLaterWins", "{user: a, image: x}", "{user: b}", "{user: b, image: x}"},
        MergeCase{"NullLeavesAScalar", "{user: a}", "{user: }", "{user: a}"},
        MergeCase{"NullLeavesAList", "{ports: [80]}", "{ports: }", "{ports: [80]}"},
        MergeCase{"NullLeavesAMap", "{deploy: {replicas: 1}}", "{deploy: }", "{deploy: {replicas: 1}}"},
        MergeCase{"NullLeavesAService", "{user: a}", "~", "{user: a}"},
        MergeCase{"NullIsReplaced", "{deploy: }", "{deploy: {replicas: 1}}", "{deploy: {replicas: 1}}"},
        MergeCase{"NullReplacesCommand", "{command: a, entrypoint: [b]}", "{command: , entrypoint: }",
                  "{command: ~, entrypoint: ~}"},
        MergeCase{"NullReplacesAHealthTest", "{healthcheck: {test: a}}", "{healthcheck: {test: }}",
                  "{healthcheck: {test: ~}}"},
        MergeCase{"ListsAreAppended", "{post_start: [{command: a}]}", "{post_start: [{command: a}]}",
                  "{post_start: [{command: a}, {command: a}]}"},
        MergeCase{"CommandsAreReplaced", "{command: [a, b], entrypoint: c, healthcheck: {test: [CMD, d]}}",
                  "{command: e, entrypoint: [f], healthcheck: {test: g}}",
                  "{command: e, entrypoint: [f], healthcheck: {test: g}}"},
        MergeCase{"EnvironmentByName", "{environment: [A=1, B, C=3]}", "{environment: {B: 2, C: , D: 4}}",
                  "{environment: {A: 1, B: 2, C: ~, D: 4}}"},
        MergeCase{"EnvironmentListOverMap", "{environment: {A: 1, B: 2}}", "{environment: [B=x=y, A]}",
                  "{environment: {A: ~, B: x=y}}"},
        MergeCase{"LabelsByName", "{labels: [a=1]}", "{labels: {a: 2, b: 3}}", "{labels: {a: 2, b: 3}}"},
        MergeCase{"AnnotationsByName", "{annotations: {a: 1}}", "{annotations: [a=2]}",
                  "{annotations: {a: 2}}"},
        MergeCase{"SysctlsByName", "{sysctls: [net.a=1]}", "{sysctls: {net.a: 2}}", "{sysctls: {net.a: 2}}"},
        MergeCase{"BuildArgsByName", "{build: {args: [A=1, B]}}", "{build: {args: {A: 2}}}",
                  "{build: {args: {A: 2, B: ~}}}"},
        MergeCase{"BuildLabelsByName", "{build: {labels: [A=1]}}", "{build: {labels: {A: 2}}}",
                  "{build: {labels: {A: 2}}}"},
        MergeCase{"BuildContextsByName", "{build: {additional_contexts: [A=1]}}",
                  "{build: {additional_contexts: {A: 2}}}", "{build: {additional_contexts: {A: 2}}}"},
        MergeCase{"DeployLabelsByName", "{deploy: {labels: [A=1]}}", "{deploy: {labels: {A: 2}}}",
                  "{deploy: {labels: {A: 2}}}"},
        MergeCase{"EnvFilesByPath", "{env_file: a.env}",
                  "{env_file: [b.env, {path: ./a.env, required: false}]}",
                  "{env_file: [{path: ./a.env, required: false}, b.env]}"},
        MergeCase{"LabelFilesByPath", "{label_file: a}", "{label_file: [./a, b]}", "{label_file: [./a, b]}"},
        MergeCase{"DnsByValue", "{dns: 1.1.1.1, dns_search: a, dns_opt: [x]}",
                  "{dns: [1.1.1.1, 2.2.2.2], dns_search: [a, b], dns_opt: [x, y]}",
                  "{dns: [1.1.1.1, 2.2.2.2], dns_search: [a, b], dns_opt: [x, y]}"},
        MergeCase{"TmpfsByValue", "{tmpfs: /a}", "{tmpfs: [/a, /b]}", "{tmpfs: [/a, /b]}"},
        MergeCase{"HostsAppendedUnlessTheSame", "{extra_hosts: {h: 1.1.1.1}}",
                  "{extra_hosts: [h=1.1.1.1, h=2.2.2.2]}", "{extra_hosts: [h=1.1.1.1, h=2.2.2.2]}"},
        MergeCase{"BuildHostsToo", "{build: {extra_hosts: [h=1.1.1.1]}}",
                  "{build: {extra_hosts: {h: [1.1.1.1, 2.2.2.2]}}}",
                  "{build: {extra_hosts: [h=1.1.1.1, h=2.2.2.2]}}"},
        MergeCase{"VolumesByTarget", "{volumes: ['./a:/x', './b:/y']}",
                  "{volumes: [{type: bind, source: ./c, target: /x/}, /z]}",
                  "{volumes: [{type: bind, source: ./c, target: /x/}, ./b:/y, /z]}"},
        MergeCase{"DevicesByTarget", "{devices: ['/dev/a:/dev/x']}", "{devices: ['/dev/b:/dev/x:r', /dev/c]}",
                  "{devices: [/dev/b:/dev/x:r, /dev/c]}"},
        MergeCase{"SecretsByTarget", "{secrets: [a, b]}",
                  "{secrets: [{source: c, target: a}, {source: d, target: /run/secrets/b}]}",
                  "{secrets: [{source: c, target: a}, {source: d, target: /run/secrets/b}]}"},
        MergeCase{"ConfigsByTarget", "{configs: [a]}", "{configs: [{source: c, target: /a}, b]}",
                  "{configs: [{source: c, target: /a}, b]}"},
        MergeCase{
            "ListsOfValuesOnce",
            "{expose: [80], cap_add: [A], cap_drop: [B], links: [c], profiles: [d], build: {tags: [e]},"
            " networks: {n: {aliases: [f], link_local_ips: [g]}}}",
            "{expose: ['80', 81], cap_add: [A, A2], cap_drop: [B, B2], links: [c, c2], profiles: [d, d2],"
            " build: {tags: [e, e2]}, networks: {n: {aliases: [f, f2], link_local_ips: [g, g2]}}}",
            "{expose: [80, 81], cap_add: [A, A2], cap_drop: [B, B2], links: [c, c2], profiles: [d, d2], "
            "build: {tags: [e, e2]}, networks: {n: {aliases: [f, f2], link_local_ips: [g, g2]}}}"},
        MergeCase{"DependenciesAreMaps", "{depends_on: {a: {condition: service_healthy, restart: true}}}",
                  "{depends_on: [a, b]}",
                  "{depends_on: {a: {condition: service_started, restart: true, required: true}, "
                  "b: {condition: service_started, required: true}}}"},
        MergeCase{"NetworksAreMaps", "{networks: [a, b]}", "{networks: {b: {priority: 1}}}",
                  "{networks: {a: ~, b: {priority: 1}}}"},
        MergeCase{"ModelsAreMaps", "{models: [a]}", "{models: {a: {endpoint_var: E}}}",
                  "{models: {a: {endpoint_var: E}}}"},
        MergeCase{"BuildIsAMap", "{build: ./a}", "{build: {target: t}}",
                  "{build: {context: ./a, target: t}}"},
        MergeCase{"BuildStringOverMap", "{build: {context: ./a, target: t}}", "{build: ./b}",
                  "{build: {context: ./b, target: t}}"},
        MergeCase{"LoggingOfTheSameDriver", "{logging: {driver: a, options: {x: 1}}}",
                  "{logging: {driver: a, options: {y: 2}}}", "{logging: {driver: a, options: {x: 1, y: 2}}}"},
        MergeCase{"LoggingWithoutADriver", "{logging: {driver: a, options: {x: 1}}}",
                  "{logging: {options: {y: 2}}}", "{logging: {driver: a, options: {x: 1, y: 2}}}"},
        MergeCase{"LoggingOfAnotherDriver", "{logging: {driver: a, options: {x: 1}}}",
                  "{logging: {driver: b, options: {y: 2}}}", "{logging: {driver: b, options: {y: 2}}}"},
        MergeCase{"UlimitsAsAWhole", "{ulimits: {nofile: {soft: 1, hard: 2}, nproc: 5}}",
                  "{ulimits: {nofile: {soft: 3}, nproc: }}", "{ulimits: {nofile: {soft: 3}, nproc: 5}}"},
        MergeCase{"AScalarMayBecomeAMap", "{x-a: 1}", "{x-a: {b: c}}", "{x-a: {b: c}}"},
        MergeCase{"ExtensionsAsMaps", "{x-a: {b: 1, l: [1]}}", "{x-a: {c: 2, l: [2]}}",
                  "{x-a: {b: 1, l: [1, 2], c: 2}}"},
        MergeCase{"ResetRemoves", "{user: a, ports: [80], labels: {x: 1, y: 2}}",
                  "{user: !reset ignored, ports: !reset [], labels: {x: !reset }}", "{labels: {y: 2}}"},
        MergeCase{"ResetOfWhatIsNotThere", "{user: a}", "{image: !reset null}", "{user: a}"},
        MergeCase{"ResetOfListEntriesByName", "{environment: [A=1, B=2]}", "{environment: {A: !reset null}}",
                  "{environment: {B: 2}}"},
        MergeCase{"OverrideReplaces", "{ports: [80], environment: {A: 1}}",
                  "{ports: !override [81], environment: !override {B: 2}}",
                  "{ports: [81], environment: {B: 2}}"},
        MergeCase{"OverrideOfAnotherKind", "{x-a: [1]}", "{x-a: !override {b: 1}}", "{x-a: {b: 1}}"},
        MergeCase{"OverrideAService", "{image: a, user: b}", "!override {image: c}", "{image: c}"}),
    [](const auto& info) { return info.param.name; });

TEST(ComposeMergeRules, ResetsInAnAnchorActWhereverItIsUsed) {
    const Merged merged{
        "services: {a: {user: x, tty: true}, b: {user: y, image: z}}\n---\n"
        "x-none: &none {user: !reset null}\n"
        "services: {a: {<<: *none, image: i}, b: *none}\n"};
    EXPECT_EQ(merged.errors, "");
    EXPECT_EQ(merged.result, "{services: {a: {tty: true, image: i}, b: {image: z}}, x-none: {}}");
}

TEST(ComposeMergeRules, LaterDocumentsAddToWhatWasResetOrOverridden) {
    const Merged merged{
        "services: {s: {ports: [80], cap_add: [A]}}\n---\n"
        "services: {s: {ports: !reset [], cap_add: !override [B]}}\n---\n"
        "services: {s: {ports: [82], cap_add: [C]}}\n"};
    EXPECT_EQ(merged.result, "{services: {s: {ports: [82], cap_add: [B, C]}}}");
}

TEST(ComposeMergeRules, ATagOnAnItemOfAListIsAnError) {
    EXPECT_EQ(Merged{"services: {s: {ports: [80, !reset 81], cap_add: [!override A]}}\n"}.errors,
              "1:28: !reset can't be put on an item of a list\n"
              "1:50: !override can't be put on an item of a list\n");
}

TEST(ComposeMergeRules, AListOverAMapAndAMapOverAListAreErrorsThatNameTheKey) {
    EXPECT_EQ(Merged{"services: {s: {deploy: {a: b}, x-l: [1]}}\n---\n"
                     "services: {s: {deploy: [1], x-l: {a: b}}}\n"}
                  .errors,
              "3:24: cannot override services.s.deploy: a list here, a map before\n"
              "3:34: cannot override services.s.x-l: a map here, a list before\n");
}

TEST(ComposeMergeRules, SubnetsAreMergedBySubnet) {
    EXPECT_EQ(
        Merged{"networks: {n: {ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: 10.2.0.0/24}]}}}\n---\n"
               "networks: {n: {ipam: {config: [{subnet: 10.2.0.0/24, gateway: 10.2.0.9}, {gateway: x}]}}}\n"}
            .result,
        "{networks: {n: {ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: 10.2.0.0/24, gateway: 10.2.0.9}, "
        "{gateway: x}]}}}}");
}

TEST(ComposeMergeRules, LabelsOfNetworksAndVolumesGoByName) {
    EXPECT_EQ(Merged{"networks: {n: {labels: [a=1]}}\nvolumes: {v: {labels: {a: 1}}}\n---\n"
                     "networks: {n: {labels: {a: 2}}}\nvolumes: {v: {labels: [a=2]}}\n"}
                  .result,
              "{networks: {n: {labels: {a: 2}}}, volumes: {v: {labels: {a: 2}}}}");
}

}  // namespace
}  // namespace stack::compose::test
