// The control API's values survive the wire.
#include "manager/control/protocol.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::control {
namespace {

using namespace std::chrono_literals;

compose::Project small_project() {
    compose::Project project;
    project.name = "shop";
    project.working_dir = "/srv/shop";
    project.services["web"].name = "web";
    project.services["web"].image = "nginx";
    return project;
}

TEST(ControlProtocol, RequestsComeBackAsTheyWere) {
    UpRequest up;
    up.project = small_project();
    up.options.services = {"web"};
    up.options.scale = {{"web", 3}};
    up.options.start = false;
    up.options.force_recreate = true;
    up.options.timeout = 1500ms;
    up.wait = true;
    up.wait_timeout = 30s;
    up.parallel = 3;
    EXPECT_EQ(parse_up_request(to_json(up)), up);

    DownRequest down;
    down.options.volumes = true;
    down.parallel = -1;
    EXPECT_EQ(parse_down_request(to_json(down)), down);
    down.project = small_project();
    EXPECT_EQ(parse_down_request(to_json(down)), down);

    SelectRequest kill;
    kill.options.signal = 1;
    kill.parallel = 2;
    kill.options.services = {"db", "web"};
    EXPECT_EQ(to_json(parse_select_request(to_json(kill))), to_json(kill));
    EXPECT_EQ(parse_select_request(to_json(kill)).options.signal, 1);
    EXPECT_EQ(parse_select_request(to_json(kill)).parallel, 2);

    ExecRequest exec;
    exec.service = "web";
    exec.index = 2;
    exec.argv = {"sh", "-c", "echo \xff"};
    exec.env = {"A=1"};
    exec.tty = true;
    exec.rows = 24;
    const ExecRequest back = parse_exec_request(to_json(exec));
    EXPECT_EQ(back.env, exec.env);
    EXPECT_EQ(back.rows, 24);
    EXPECT_EQ(back.argv.size(), 3u);
}

TEST(ControlProtocol, ErrorsKeepContextPositionAndHint) {
    Error error{ErrorKind::conflict, "port 80 is taken"};
    error.add_context("inner").add_context("outer").at({"compose.yaml", 3, 7}).with_hint("stop nginx");
    const Error back = error_from_json(error_to_json(error));
    EXPECT_EQ(back.kind(), ErrorKind::conflict);
    EXPECT_STREQ(back.what(), error.what());
    EXPECT_EQ(back.context(), error.context());
    EXPECT_EQ(back.position(), error.position());
    EXPECT_EQ(back.hint(), error.hint());
}

TEST(ControlProtocol, StreamEventsComeBackAsTheyWere) {
    const StreamEvent step = ProgressEvent{"Container shop-web-1", "Creating", ""};
    EXPECT_EQ(std::get<ProgressEvent>(parse_stream_event(to_json(step))), std::get<ProgressEvent>(step));
    ResultEvent result{false, 130, {Error{ErrorKind::cancelled, "stopped"}}};
    const ResultEvent back = std::get<ResultEvent>(parse_stream_event(to_json(StreamEvent{result})));
    EXPECT_EQ(back.exit_code, 130);
    ASSERT_EQ(back.errors.size(), 1u);
    EXPECT_EQ(back.errors[0].kind(), ErrorKind::cancelled);
}

TEST(ControlProtocol, EventsComeBackAsTheyWere) {
    ContainerEvent die;
    die.action = "die";
    die.container = "shop-web-1";
    die.id = "abc";
    die.service = "web";
    die.exit_code = 137;
    die.restarting = true;
    die.time_ns = 1'767'323'045'000'000'006;
    EXPECT_EQ(std::get<ContainerEvent>(parse_event(to_json(Event{die}))), die);
    const SnapshotEvent snapshot{{{"shop-web-1", "abc", "web", 1, "running", 0, "healthy"}}};
    EXPECT_EQ(std::get<SnapshotEvent>(parse_event(to_json(Event{snapshot}))), snapshot);
}

TEST(ControlProtocol, NamesTheFieldThatIsWrong) {
    const auto message_of = [](const auto& parse, const char* text) -> std::string {
        try {
            parse(text);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
            return error.message();
        }
        return "no error";
    };
    EXPECT_EQ(message_of(parse_up_request, "{"), "not valid JSON");
    EXPECT_EQ(message_of(parse_up_request, "{}"), "'project' is missing");
    EXPECT_EQ(message_of(parse_select_request, R"({"options":{"services":5}})"),
              "'services' has the wrong type");
    EXPECT_EQ(message_of(parse_select_request, R"({"options":{"timeout_ms":-1}})"),
              "'timeout_ms' is out of range");
    EXPECT_EQ(message_of(parse_exec_request, R"({"service":"a","argv":[]})"), "'argv' is empty");
    EXPECT_EQ(message_of(parse_stream_event, R"({"event":"tea"})"), "unknown event 'tea'");
    EXPECT_EQ(message_of(parse_down_request, "[]"), "expected a JSON object");
}

}  // namespace
}  // namespace stack::control
