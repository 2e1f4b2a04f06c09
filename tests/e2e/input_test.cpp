// Bad input: every message has a position, the line with a caret, a hint; the exit code is not 0 and nothing is made.
#include "runtime/base/fd.hpp"
#include "tests/support/stack_test_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace stack::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class BadInput : public StackTest {
  protected:
    /// `up -d` of that file must fail without making anything; what it said.
    std::string refusal(const std::string& yaml) {
        stack().compose(yaml);
        const Outcome outcome = stack().run({"up", "-d"});
        EXPECT_NE(outcome.exit_code, 0) << outcome.text();
        EXPECT_FALSE(outcome.timed_out);
        EXPECT_TRUE(nothing_was_created()) << outcome.text();
        return outcome.err;
    }
};

TEST_F(BadInput, UnknownKeyIsNamedWithASuggestion) {
    const std::string said = refusal("services:\n  web:\n    imgae: payload\n    command: [a]\n");
    EXPECT_THAT(said, HasSubstr("compose.yaml:3:5"));
    EXPECT_THAT(said, HasSubstr("    imgae: payload"));
    EXPECT_THAT(said, ContainsRegex("\n[ |0-9]*\\^"));
    EXPECT_THAT(said, HasSubstr("image"));
}

TEST_F(BadInput, TabInYamlIsPointedAt) {
    const std::string said = refusal("services:\n  web:\n\timage: payload\n");
    EXPECT_THAT(said, HasSubstr("compose.yaml:3:"));
    EXPECT_THAT(said, ContainsRegex("[Tt]ab"));
    EXPECT_THAT(said, HasSubstr("^"));
}

TEST_F(BadInput, UnsetRequiredVariableGivesItsMessage) {
    const std::string said = refusal("services:\n  web:\n    image: ${V:?say which image}\n");
    EXPECT_THAT(said, HasSubstr("compose.yaml:3:12"));
    EXPECT_THAT(said, HasSubstr("say which image"));
    EXPECT_THAT(said, HasSubstr("^"));
}

TEST_F(BadInput, DependencyCycleIsPrintedAsAPath) {
    const std::string said = refusal(R"(services:
  a: {image: payload, depends_on: [b]}
  b: {image: payload, depends_on: [c]}
  c: {image: payload, depends_on: [a]}
)");
    EXPECT_THAT(said, HasSubstr("a -> b -> c -> a"));
    EXPECT_THAT(said, HasSubstr("compose.yaml:"));
}

TEST_F(BadInput, UnknownNetworkIsNamedWithAHint) {
    const std::string said =
        refusal("services:\n  web:\n    image: payload\n    networks: [frnt]\nnetworks:\n  front:\n");
    EXPECT_THAT(said, HasSubstr("compose.yaml:4:16"));
    EXPECT_THAT(said, HasSubstr("frnt"));
    EXPECT_THAT(said, HasSubstr("front"));
}

TEST_F(BadInput, SeveralFaultsAreToldInOneRun) {
    const std::string said =
        refusal("services:\n  web:\n    imgae: payload\n  db:\n    image: payload\n    comand: x\n");
    EXPECT_THAT(said, HasSubstr("compose.yaml:3:5"));
    EXPECT_THAT(said, HasSubstr("compose.yaml:6:5"));
}

TEST_F(BadInput, HeldPortNamesItsHolder) {
    const UniqueFd holder{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(8080);
    ASSERT_EQ(::bind(holder.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    ASSERT_EQ(::listen(holder.get(), 1), 0);
    const std::string said = refusal(
        "services:\n  web:\n    image: payload\n    command: [stack-payload, sleep]\n    ports: "
        "['8080:80']\n");
    EXPECT_THAT(said, HasSubstr("8080"));
    EXPECT_THAT(said, HasSubstr(std::to_string(::getpid())));
}

TEST_F(BadInput, MissingImageIsNamedWithTheWayToGetIt) {
    const std::string said = refusal("services:\n  web:\n    image: no-such-image\n");
    EXPECT_THAT(said, HasSubstr("cannot pull image \"no-such-image\""));
    EXPECT_THAT(said, HasSubstr("compose.yaml:3:12"));
    const Outcome offline = stack().run({"--offline", "up", "-d"});
    EXPECT_EXIT_CODE(offline, 1);
    EXPECT_THAT(offline.err, HasSubstr("stack image pull no-such-image"));
    EXPECT_THAT(offline.err, HasSubstr("stack image import no-such-image"));
}

TEST_F(BadInput, MissingBindSourceIsNamedWithItsLine) {
    const std::string said = refusal(R"(services:
  web:
    image: payload
    command: [stack-payload, sleep]
    volumes:
      - {type: bind, source: ./not-there, target: /data, bind: {create_host_path: false}}
)");
    EXPECT_THAT(said, HasSubstr("not-there"));
    EXPECT_THAT(said, HasSubstr("compose.yaml:6:"));
}

TEST_F(BadInput, CommandThatIsNotInTheImageIsAClearSentence) {
    stack().compose("services:\n  web:\n    image: payload\n    command: [no-such-command]\n");
    const Outcome outcome = stack().run({"up", "-d"});
    EXPECT_NE(outcome.exit_code, 0) << outcome.text();
    EXPECT_THAT(outcome.err, HasSubstr("no-such-command"));
    EXPECT_THAT(outcome.err, HasSubstr("does not exist in image payload"));
    EXPECT_THAT(outcome.err, HasSubstr("compose.yaml:4:5"));
}

TEST_F(BadInput, KeyThatIsNotSupportedYetIsAnErrorByName) {
    const std::string said = refusal("services:\n  web:\n    image: payload\n    storage_opt: {size: 1G}\n");
    EXPECT_THAT(said, HasSubstr("storage_opt"));
    EXPECT_THAT(said, HasSubstr("not supported yet"));
    EXPECT_THAT(said, HasSubstr("compose.yaml:4:5"));
}

TEST_F(BadInput, FileThatDoesNotExistIsSaidPlainly) {
    const Outcome outcome = stack().run({"-f", "nowhere.yaml", "up", "-d"});
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("nowhere.yaml"));
}

}  // namespace
}  // namespace stack::test
