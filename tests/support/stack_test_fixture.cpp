#include "tests/support/stack_test_fixture.hpp"

#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/eventually.hpp"

#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::test {

namespace fs = std::filesystem;

namespace {

// Regular files, sockets and directories below a run root, apart from what is the program's and not the project's.
std::vector<std::string> run_files(const std::string& run_root, const std::string& project) {
    std::vector<std::string> found;
    std::error_code gone;
    for (fs::recursive_directory_iterator it{run_root, gone};
         !gone && it != fs::recursive_directory_iterator{}; it.increment(gone))
        if (it->path().string().find(project) != std::string::npos) found.push_back(it->path().string());
    return found;
}

}  // namespace

void StackTest::SetUp() {
    STACK_REQUIRE_ROOT();
    ASSERT_EQ(::access(StackRunner::program().c_str(), X_OK), 0) << StackRunner::program() << " is not built";
    namespaces_.emplace();
    stack_.emplace();
    const SnapshotScope scope{stack_->dirs().dir().path(), stack_->project()};
    leaks_.emplace(scope);
    stack_->import_payload_image();
}

void StackTest::TearDown() {
    if (!stack_) return;
    if (HasFailure()) {
        const std::string log = stack_->dirs().root() + "/projects/" + stack_->project() + "/supervisor.log";
        fmt::print("--- supervisor.log\n{}", read_file_if_exists(log).value_or("(none)\n"));
    }
    EXPECT_EXIT_CODE(without_file({"down", "-v", "-t", "1", "--remove-orphans"}), 0);
    EXPECT_TRUE(leaks_->clean());
    EXPECT_EQ(join(run_files(stack_->dirs().run_root(), stack_->project()), "\n"), "")
        << "left in the run directory";
    stack_.reset();
    namespaces_.reset();
}

void StackTest::up(std::string_view yaml, std::vector<std::string> more) {
    stack_->compose(yaml);
    std::vector<std::string> args{"up", "-d"};
    args.insert(args.end(), more.begin(), more.end());
    EXPECT_EXIT_CODE(stack_->run(std::move(args)), 0);
}

Outcome StackTest::without_file(std::vector<std::string> words) const {
    Invocation invocation;
    invocation.args = {"-p", stack_->project()};
    invocation.args.insert(invocation.args.end(), words.begin(), words.end());
    invocation.working_dir = "/";
    return stack_->run(std::move(invocation));
}

std::vector<nlohmann::json> StackTest::ps() const {
    std::vector<nlohmann::json> list;
    const Outcome outcome = without_file({"ps", "-a", "--format", "json"});
    EXPECT_EXIT_CODE(outcome, 0);
    std::istringstream lines{outcome.out};
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) list.push_back(nlohmann::json::parse(line, nullptr, false));
    return list;
}

nlohmann::json StackTest::container(const std::string& service) const {
    for (nlohmann::json& entry : ps())
        if (entry.is_object() && entry.value("Service", "") == service) return entry;
    return nullptr;
}

bool StackTest::reaches(const std::string& service, const std::string& state) const {
    return eventually([&] {
        const nlohmann::json entry = container(service);
        return entry.is_object() && entry.value("State", "") == state;
    });
}

Outcome StackTest::exec(const std::string& service, std::vector<std::string> arguments) const {
    std::vector<std::string> args{"exec", "-T", service};
    args.insert(args.end(), arguments.begin(), arguments.end());
    return stack_->run(std::move(args));
}

std::string StackTest::answer_of(const std::string& host, const std::string& service) const {
    Outcome outcome;
    const bool came = eventually([&] {
        outcome = exec(service, {"stack-payload", "get", host, "80"});
        return outcome.exit_code == 0;
    });
    EXPECT_TRUE(came) << outcome.text();
    return outcome.out;
}

std::vector<std::string> StackTest::links_of(const std::string& service) const {
    // Tunnels that take what no other takes (net.core.fb_tunnels_only_for_init_net), and a file that bonding puts there.
    static const std::set<std::string> kOfModules{
        "bonding_masters", "erspan0", "gre0",    "gretap0", "ip6_vti0",
        "ip6gre0",         "ip6tnl0", "ip_vti0", "sit0",    "tunl0"};
    std::vector<std::string> links;
    std::istringstream names{exec(service, {"ls", "/sys/class/net"}).out};
    for (std::string name; std::getline(names, name);)
        if (!kOfModules.contains(name)) links.push_back(name);
    return links;
}

std::string StackTest::logs(const std::string& service) const {
    const Outcome outcome = stack_->run({"logs", "--no-log-prefix", service});
    EXPECT_EXIT_CODE(outcome, 0);
    return outcome.out;
}

::testing::AssertionResult StackTest::nothing_was_created() const {
    std::vector<std::string> files;
    const auto gone = [&] {
        files = run_files(stack_->dirs().run_root(), stack_->project());
        return files.empty();
    };
    if (!eventually(gone)) return ::testing::AssertionFailure() << "run files: " << join(files, " ");
    if (!ps().empty()) return ::testing::AssertionFailure() << "containers exist";
    return leaks_->clean();
}

}  // namespace stack::test
